import { useState } from "preact/hooks";
import type { PublicRoom } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { plural } from "../../format.ts";
import { cleanName } from "../../safe_names.ts";
import { Icon } from "../icons.tsx";
import { NextPage } from "../next_page.tsx";
import { OptionText, Combobox } from "../combobox.tsx";
import { usePagedList } from "../use_paged_list.ts";
import { useSettled } from "../use_people_search.ts";
import { Dialog } from "./dialog.tsx";

/** Rooms per page. */
const PAGE = 20;

/** Browse the directory of public rooms, and join one. */
export function BrowseRooms({ onClose }: { onClose: () => void }) {
  const { client, rooms, go } = useApp();
  const [text, setText] = useState("");
  const query = useSettled(text.trim());
  const list = usePagedList(() => client.publicRooms(query), PAGE, [client, query]);
  const known = new Set(rooms.entries().map(({ id }) => id));
  const enter = ({ room, name }: PublicRoom) => {
    rooms.open(room, name);
    go(room);
    onClose();
  };
  const options = list.items.map((room) => ({
    key: room.room,
    content: (
      <>
        <span class="room-icon">
          <Icon name="hash" size={18} />
        </span>
        <OptionText title={cleanName(room.name, room.room)} about={room.topic} />
        <span class="room-item-side">
          {known.has(room.room) ? <span>Joined</span> : <span class="join">Join</span>}
          <span>{plural(room.occupancy, "person", "people")}</span>
        </span>
      </>
    ),
    onPick: () => enter(room),
  }));
  const isBusy = list.isLoading || query !== text.trim();
  const isEmpty = !isBusy && list.error === null;
  return (
    <Dialog title="Browse rooms" onClose={onClose}>
      <Combobox
        id="browse"
        label="Room name"
        text={text}
        onText={setText}
        options={options}
        empty={!isEmpty ? "" : query ? "No public room's name begins with this text." : "No rooms are listed yet."}
      />
      {isBusy && <span class="spinner" role="status" aria-label="Loading" />}
      <NextPage list={list} isBusy={isBusy} />
    </Dialog>
  );
}
