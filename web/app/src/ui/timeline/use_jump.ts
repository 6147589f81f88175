import { useRef, useState } from "preact/hooks";
import type { Room } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { loadUntil } from "../../load_history.ts";
import { useLatest } from "../../shared_hooks.ts";
import type { Row } from "../../timeline_rows.ts";
import type { TimelineView } from "./use_timeline.ts";

/**
 * Return a function that jumps to the message with a seq, and whether a jump is under way. A jump loads history until
 * the message is loaded. A new jump cancels the one under way.
 */
export function useJump(
  room: Room,
  rows: readonly Row[],
  show: TimelineView["show"],
): [jump: (seq: number) => void, searching: boolean] {
  const { note } = useApp();
  const [searching, setSearching] = useState(false);
  const turns = useRef(0);
  const latest = useRef(rows);
  latest.current = rows;
  const keyOf = (seq: number) => latest.current.find((row) => row.message.seq === seq)?.key ?? null;

  const search = async (seq: number): Promise<void> => {
    const turn = ++turns.current;
    const isWanted = () => turns.current === turn;
    setSearching(true);
    try {
      const isFound = await loadUntil(room, seq, isWanted);
      if (!isWanted()) return;
      await nextFrame();
      const key = isFound ? keyOf(seq) : null;
      if (key === null) note("This message is not kept any more.");
      else show(key, "center");
    } catch (thrown) {
      note(explain(thrown));
    } finally {
      if (isWanted()) setSearching(false);
    }
  };
  const jump = useLatest((seq: number) => {
    const key = keyOf(seq);
    if (key === null) return void search(seq);
    turns.current += 1;
    setSearching(false);
    show(key, "center");
  });
  return [jump, searching];
}

/** Wait until the rows of the last page are rendered. */
function nextFrame(): Promise<void> {
  return new Promise((resolve) => requestAnimationFrame(() => resolve()));
}
