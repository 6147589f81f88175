import { useMemo, useState } from "preact/hooks";
import type { RoomId } from "@roomcast/sdk";
import { useApp } from "../../app.ts";
import type { RoomEntry } from "../../room_list.ts";
import { matching } from "../../switching.ts";
import { RoomSign } from "../room_sign.tsx";
import { Dialog } from "./dialog.tsx";

/** Rooms that are offered at once. */
const OFFERED = 8;

/** Go to a room by a part of its name: the arrow keys choose, Enter goes. */
export function Switcher({ onClose }: { onClose: () => void }) {
  const { rooms, go } = useApp();
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const entries = rooms.entries();
  const offered = useMemo(() => matching(entries, text).slice(0, OFFERED), [entries, text]);
  const at = Math.min(chosen, offered.length - 1);
  const pick = (room: RoomId) => {
    go(room);
    onClose();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && offered.length) setChosen((at + step + offered.length) % offered.length);
    else if (event.key === "Enter" && !event.isComposing && offered[at]) pick(offered[at].id);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Go to a room" onClose={onClose}>
      <input
        class="field"
        role="combobox"
        aria-label="Room or person"
        aria-expanded={offered.length > 0}
        aria-controls="switcher-rooms"
        aria-activedescendant={offered[at] ? `switcher-${at}` : undefined}
        value={text}
        placeholder="Room or person"
        autocomplete="off"
        autofocus
        onInput={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKey}
        data-testid="switcher"
      />
      <div id="switcher-rooms" role="listbox" class="switcher-rooms">
        {offered.map((entry, index) => (
          <Choice key={entry.id} entry={entry} index={index} isChosen={index === at} onPick={() => pick(entry.id)} />
        ))}
      </div>
      {offered.length === 0 && <p role="status">No room has this name.</p>}
    </Dialog>
  );
}

interface ChoiceProps {
  entry: RoomEntry;
  index: number;
  isChosen: boolean;
  onPick: () => void;
}

function Choice({ entry, index, isChosen, onPick }: ChoiceProps) {
  return (
    <button
      type="button"
      id={`switcher-${index}`}
      class="room-item"
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      onClick={onPick}
      data-room={entry.id}
      data-testid="switcher-room"
    >
      <RoomSign entry={entry} />
      <span class="room-item-text">
        <span class="room-item-title">
          <bdi>{entry.title}</bdi>
        </span>
      </span>
      {entry.unread > 0 && <span class="badge">{entry.unread > 99 ? "99+" : entry.unread}</span>}
    </button>
  );
}
