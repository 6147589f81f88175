import type { VirtualItem } from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import type { ChatMessage, Room, RoomState, UserId } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { plural } from "../../format.ts";
import { useLatest, useNow, useRoom } from "../../shared_hooks.ts";
import { toggled } from "../../reaction_groups.ts";
import { buildRows, type Row } from "../../timeline_rows.ts";
import { Announcer } from "../announcer.tsx";
import { ReportMessage } from "../dialogs/report_message.tsx";
import { ConfirmDelete } from "../dialogs/confirm_delete.tsx";
import { Icon } from "../icons.tsx";
import { PersonCard } from "../person_card.tsx";
import type { MessageActions } from "./message_actions.ts";
import { RowView, type RowContext } from "./row_view.tsx";
import { Empty, Skeleton, Top } from "./timeline_top.tsx";
import { TypingLine } from "../composer/typing_line.tsx";
import { useJump } from "./use_jump.ts";
import { useReceipts, useUnreadAfter } from "./use_reading.ts";
import { useTimeline, type TimelineView } from "./use_timeline.ts";

interface TimelineProps {
  room: Room;
  onReply: (message: ChatMessage) => void;
  onEdit: (message: ChatMessage) => void;
}

export function Timeline({ room, onReply, onEdit }: TimelineProps) {
  const { self, note } = useApp();
  const state = useRoom(room);
  const now = useNow(60_000);
  const unreadAfter = useUnreadAfter(room, state);
  const rows = useMemo(
    () => buildRows(state.messages, self.user, unreadAfter),
    [state.messages, self.user, unreadAfter],
  );
  const loadOlder = useLatest(() => void room.loadOlder().catch((error: unknown) => note(explain(error))));
  const view = useTimeline(rows, state, self.user, loadOlder);
  const [deleting, setDeleting] = useState<ChatMessage | null>(null);
  const [reporting, setReporting] = useState<ChatMessage | null>(null);
  const [person, setPerson] = useState<{ user: UserId; name: string } | null>(null);
  useReceipts(room, state, view.atBottom);
  const [jump, searching] = useJump(room, rows, view.show);
  const actions = useActions(room, {
    onReply,
    onEdit,
    onDelete: setDeleting,
    onReport: setReporting,
    onPerson: setPerson,
    jump,
  });
  const bySeq = useMemo(() => new Map(state.messages.map((message) => [message.seq, message])), [state.messages]);
  const lastOwn = useMemo(() => state.messages.findLast((message) => message.user === self.user), [state.messages]);
  const context: RowContext = { now, actions, bySeq, state, lastOwn, found: view.found };

  return (
    <div class="timeline-frame">
      <div class="timeline" ref={view.box} onScroll={view.onScroll} data-testid="timeline">
        <div
          class="timeline-content"
          role="log"
          aria-live="off"
          aria-label="Messages"
          aria-busy={searching}
          onKeyDown={(event) => walk(event, rows, view)}
        >
          {rows.length > 0 ? <Rows rows={rows} view={view} context={context} /> : <NoRows state={state} />}
        </div>
      </div>
      {searching && (
        <div class="searching" role="status">
          <span class="spinner" /> Looking for the message…
        </div>
      )}
      {!view.atBottom && (
        <button type="button" class="to-latest" onClick={view.toBottom} data-testid="jump-latest">
          <Icon name="down" size={18} />
          {view.fresh > 0 ? plural(view.fresh, "new message", "new messages") : "Jump to latest"}
        </button>
      )}
      <Announcer messages={state.messages} />
      {deleting && <ConfirmDelete room={room} message={deleting} onClose={() => setDeleting(null)} />}
      {reporting && <ReportMessage room={room.id} message={reporting} onClose={() => setReporting(null)} />}
      {person && <PersonCard room={room.id} {...person} onClose={() => setPerson(null)} />}
    </div>
  );
}

/** The rows in and near the visible part, placed in a box that is as high as all rows together. */
function Rows({ rows, view, context }: { rows: readonly Row[]; view: TimelineView; context: RowContext }) {
  const { list } = view;
  return (
    <div class="rows" style={{ height: `${list.getTotalSize()}px` }}>
      <Top state={context.state} />
      {list.getVirtualItems().map((item) => (
        <Slot key={item.key} item={item} list={list}>
          <RowView row={rows[item.index]!} context={context} />
        </Slot>
      ))}
      <TypingLine users={context.state.typing} />
    </div>
  );
}

interface SlotProps {
  item: VirtualItem;
  list: TimelineView["list"];
  children: ComponentChildren;
}

function Slot({ item, list, children }: SlotProps) {
  return (
    <div
      class="slot"
      style={{ top: `${item.start}px` }}
      ref={list.measureElement}
      data-index={item.index}
      data-key={item.key}
    >
      {children}
    </div>
  );
}

function NoRows({ state }: { state: RoomState }) {
  return (
    <>
      {state.phase === "joined" ? <Empty /> : <Skeleton />}
      <TypingLine users={state.typing} />
    </>
  );
}

interface Handlers {
  onReply: (message: ChatMessage) => void;
  onEdit: (message: ChatMessage) => void;
  onDelete: (message: ChatMessage) => void;
  onReport: (message: ChatMessage) => void;
  onPerson: (person: { user: UserId; name: string }) => void;
  jump: (seq: number) => void;
}

function useActions(room: Room, handlers: Handlers): MessageActions {
  const { note, self, rooms } = useApp();
  const latest = useRef(handlers);
  latest.current = handlers;
  return useMemo(
    () => ({
      self: self.user,
      nameOf: (user) => rooms.nameOf(user),
      reply: (message) => latest.current.onReply(message),
      edit: (message) => latest.current.onEdit(message),
      report: (message) => latest.current.onReport(message),
      person: (user, name) => latest.current.onPerson({ user, name }),
      remove: (message) => latest.current.onDelete(message),
      retry: (message) => room.retry(message.id),
      discard: (message) => room.discard(message.id),
      react: ({ seq, reactions }, emoji) => {
        if (seq === null) return;
        for (const change of toggled(reactions, emoji, self.user))
          room.react(seq, change.emoji, change.on).catch((error: unknown) => note(explain(error)));
      },
      jump: (seq) => latest.current.jump(seq),
    }),
    [room, self.user],
  );
}

/** Move the focus from message to message with the arrow keys. */
function walk(event: KeyboardEvent, rows: readonly Row[], view: TimelineView): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const current = event.target as HTMLElement;
  if (!step || current.dataset.testid !== "message") return;
  const key = current.closest<HTMLElement>("[data-key]")?.dataset.key;
  let at = rows.findIndex((row) => row.key === key);
  do at += step;
  while (rows[at]?.message.kind === "system");
  const next = rows[at];
  if (!next) return;
  event.preventDefault();
  view.show(next.key, "auto");
}
