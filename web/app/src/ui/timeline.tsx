import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ChatMessage, Room, RoomState } from "@roomcast/sdk";
import { explain, useApp } from "../app.ts";
import { dayLabel, plural, summary } from "../format.ts";
import { useLatest, useNow, useRoom } from "../hooks.ts";
import { buildRows, type Row } from "../rows.ts";
import { Avatar } from "./avatar.tsx";
import { Icon } from "./icons.tsx";
import { MessageItem, type MessageActions } from "./message_item.tsx";
import { ConfirmDelete } from "./confirm_delete.tsx";
import { TypingLine } from "./typing_line.tsx";
import { useReceipts, useUnreadAfter } from "./use_reading.ts";
import { useScroll } from "./use_scroll.ts";

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
  const scroll = useScroll(state, self.user, loadOlder);
  const [deleting, setDeleting] = useState<ChatMessage | null>(null);
  useReceipts(room, state, scroll.atBottom);
  const actions = useActions(room, scroll.box, { onReply, onEdit, onDelete: setDeleting });
  const bySeq = useMemo(() => new Map(state.messages.map((message) => [message.seq, message])), [state.messages]);

  return (
    <div class="timeline-frame">
      <div class="timeline" ref={scroll.box} onScroll={scroll.onScroll} onKeyDown={moveFocus} data-testid="timeline">
        <div class="timeline-content" role="log" aria-live="off" aria-label="Messages">
          <Top state={state} />
          {rows.map((row) => (
            <RowView key={row.key} row={row} now={now} actions={actions} bySeq={bySeq} state={state} />
          ))}
          <TypingLine users={state.typing} />
        </div>
      </div>
      {!scroll.atBottom && (
        <button class="to-latest" onClick={scroll.toBottom} data-testid="jump-latest">
          <Icon name="down" size={18} />
          {scroll.fresh > 0 ? plural(scroll.fresh, "new message", "new messages") : "Jump to latest"}
        </button>
      )}
      <Announcer messages={state.messages} />
      {deleting && <ConfirmDelete room={room} message={deleting} onClose={() => setDeleting(null)} />}
    </div>
  );
}

function Top({ state }: { state: RoomState }) {
  if (state.phase !== "joined" && state.messages.length === 0) return <Skeleton />;
  if (state.loadingOlder || state.hasOlder) {
    return (
      <div class="timeline-top">
        {state.loadingOlder && <span class="spinner" role="status" aria-label="Loading older messages" />}
      </div>
    );
  }
  if (state.messages.length === 0) {
    return (
      <div class="empty">
        <span class="empty-mark">
          <Icon name="smile" size={34} />
        </span>
        <h2>Nothing here yet</h2>
        <p class="muted">Write the first message, or drop an image.</p>
      </div>
    );
  }
  return (
    <div class="timeline-top muted">
      {state.cut ? "Some earlier messages could not be recovered." : "This is the beginning of the room."}
    </div>
  );
}

function Skeleton() {
  return (
    <div class="skeletons" role="status" aria-label="Loading messages">
      {[62, 38, 74, 50].map((width) => (
        <div key={width} class="skeleton">
          <span class="avatar avatar-medium" />
          <span class={`bubble-bar bar-${width}`} />
        </div>
      ))}
    </div>
  );
}

interface RowProps {
  row: Row;
  now: number;
  actions: MessageActions;
  bySeq: Map<number | null, ChatMessage>;
  state: RoomState;
}

function RowView({ row, now, actions, bySeq, state }: RowProps) {
  if (row.type === "day") {
    return (
      <div class="day" role="separator">
        <span>{dayLabel(row.time, now)}</span>
      </div>
    );
  }
  if (row.type === "unread") {
    return (
      <div class="unread-line" role="separator" data-testid="unread-line">
        <span>New messages</span>
      </div>
    );
  }
  if (row.type === "system") return <p class="system">{row.message.text}</p>;
  return (
    <section class={row.own ? "group own" : "group"}>
      {!row.own && <Avatar user={row.user} name={row.name} />}
      <div class="group-body">
        {!row.own && <h3 class="author">{row.name}</h3>}
        {row.messages.map((message) => (
          <MessageItem
            key={message.id}
            message={message}
            own={row.own}
            replied={message.replyTo ? bySeq.get(message.replyTo) : undefined}
            isLast={state.messages.at(-1) === message}
            readBy={row.own && message.seq !== null ? readers(state, message.seq, row.user) : 0}
            isLastOwn={row.own && message === lastOf(state.messages, row.user)}
            actions={actions}
          />
        ))}
      </div>
    </section>
  );
}

function lastOf(messages: readonly ChatMessage[], user: string): ChatMessage | undefined {
  return messages.findLast((message) => message.user === user);
}

function readers(state: RoomState, seq: number, author: string): number {
  return Object.entries(state.read).filter(([user, read]) => user !== author && read >= seq).length;
}

function useActions(
  room: Room,
  box: { current: HTMLElement | null },
  handlers: { onReply: (m: ChatMessage) => void; onEdit: (m: ChatMessage) => void; onDelete: (m: ChatMessage) => void },
): MessageActions {
  const { note, self, book } = useApp();
  const latest = useRef(handlers);
  latest.current = handlers;
  return useMemo(
    () => ({
      self: self.user,
      nameOf: (user) => book.nameOf(user),
      reply: (message) => latest.current.onReply(message),
      edit: (message) => latest.current.onEdit(message),
      remove: (message) => latest.current.onDelete(message),
      retry: (message) => room.retry(message.id),
      discard: (message) => room.discard(message.id),
      react: (message, emoji, on) => {
        if (message.seq !== null) room.react(message.seq, emoji, on).catch((error: unknown) => note(explain(error)));
      },
      jump: (seq) => {
        const target = box.current?.querySelector<HTMLElement>(`[data-seq="${seq}"]`);
        target?.scrollIntoView({ block: "center", behavior: "smooth" });
        target?.focus({ preventScroll: true });
      },
    }),
    [room, self.user],
  );
}

/** Arrow keys walk from message to message. */
function moveFocus(event: KeyboardEvent): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const current = (event.target as HTMLElement).closest<HTMLElement>("[data-testid=message]");
  if (!step || !current || event.target !== current) return;
  const all = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>("[data-testid=message]")];
  const next = all[all.indexOf(current) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** Says what others write, once, to screen readers. */
function Announcer({ messages }: { messages: readonly ChatMessage[] }) {
  const { self } = useApp();
  const [text, setText] = useState("");
  const seen = useRef<number | null>(null);
  const last = messages.at(-1);
  useLayoutEffect(() => {
    const seq = last?.seq ?? null;
    if (seq === null || !last) return;
    if (seen.current !== null && seq > seen.current && last.user !== self.user) {
      setText(`${last.name}: ${summary(last.text, last.media)}`);
    }
    seen.current = Math.max(seq, seen.current ?? 0);
  }, [last?.seq]);
  return (
    <div class="visually-hidden" aria-live="polite">
      {text}
    </div>
  );
}
