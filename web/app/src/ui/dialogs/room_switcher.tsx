import { useMemo, useState } from "preact/hooks";
import { directRoom, type RoomId } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { cleanName } from "../../safe_names.ts";
import type { RoomEntry } from "../../room_list.ts";
import { matching } from "../../room_search.ts";
import { Avatar } from "../avatar.tsx";
import { OptionText, Combobox, type Option } from "../combobox.tsx";
import { RoomIcon } from "../room_icon.tsx";
import { usePeople } from "../use_people_search.ts";
import { Dialog } from "./dialog.tsx";

/** The most rooms to offer at once. */
const OFFERED = 8;
/** The most people to offer at once. */
const PEOPLE_OFFERED = 5;

/** Go to a room by a part of its name, or to a person by the beginning of the name. */
export function RoomSwitcher({ onClose }: { onClose: () => void }) {
  const { rooms, go, self } = useApp();
  const [text, setText] = useState("");
  const entries = rooms.entries();
  const offered = useMemo(() => matching(entries, text).slice(0, OFFERED), [entries, text]);
  const people = usePeople(text, PEOPLE_OFFERED);
  const pick = (room: RoomId) => {
    go(room);
    onClose();
  };
  const listed = new Set(offered.map(({ id }) => id));
  const options: Option[] = [
    ...offered.map((entry) => ({
      key: entry.id,
      content: <RoomChoice entry={entry} />,
      onPick: () => pick(entry.id),
    })),
    ...people
      .map(({ user, name }) => ({ user, name: cleanName(name, user), room: directRoom(self.user, user) }))
      .filter(({ room }) => !listed.has(room))
      .map(({ user, name, room }) => ({
        key: room,
        content: (
          <>
            <Avatar user={user} name={name} />
            <OptionText title={name} about={user} />
          </>
        ),
        onPick: () => pick(room),
      })),
  ];
  return (
    <Dialog title="Go to a room" onClose={onClose}>
      <Combobox
        id="switcher"
        label="Room or person"
        text={text}
        onText={setText}
        options={options}
        empty="No room or person has this name."
      />
    </Dialog>
  );
}

function RoomChoice({ entry }: { entry: RoomEntry }) {
  return (
    <>
      <RoomIcon entry={entry} />
      <OptionText title={entry.title} />
      {entry.unread > 0 && <span class="badge">{entry.unread > 99 ? "99+" : entry.unread}</span>}
    </>
  );
}
