import type { ChatMessage, RoomState } from "@roomcast/sdk";
import { dayLabel } from "../../format.ts";
import type { Row } from "../../timeline_rows.ts";
import { Avatar } from "../avatar.tsx";
import type { MessageActions } from "./message_actions.ts";
import { MessageItem } from "./message_item.tsx";
import { DisplayName } from "../display_name.tsx";

/** The values that all rows of one rendering share. */
export interface RowContext {
  now: number;
  actions: MessageActions;
  bySeq: ReadonlyMap<number | null, ChatMessage>;
  state: RoomState;
  lastOwn: ChatMessage | undefined;
  found: string | null;
}

export function RowView({ row, context }: { row: Row; context: RowContext }) {
  return (
    <>
      {row.day !== null && (
        <p class="day">
          <span>{dayLabel(row.day, context.now)}</span>
        </p>
      )}
      {row.unread && (
        <p class="unread-line" data-testid="unread-line">
          <span>New messages</span>
        </p>
      )}
      {row.message.kind === "system" ? (
        <p class="system" dir="auto">
          {row.message.deleted
            ? "This message was deleted."
            : (row.message.text ?? "This page cannot show this message.")}
        </p>
      ) : (
        <MessageRow row={row} context={context} />
      )}
    </>
  );
}

function MessageRow({ row, context }: { row: Row; context: RowContext }) {
  const { message, own, first, last } = row;
  const { actions, bySeq, state, lastOwn, found } = context;
  const onPick = () => actions.person(message.user, message.name);
  const classes = ["group", own && "own", first && "first", last && "last"].filter(Boolean);
  return (
    <div class={classes.join(" ")}>
      {!own && (first ? <AuthorPicture message={message} onPick={onPick} /> : <span class="avatar-space" />)}
      <div class="group-body">
        {!own && first && (
          <h3 class="author">
            <button type="button" class="author-button" tabIndex={-1} onClick={onPick} data-testid="author">
              <DisplayName of={message.name} fallback={message.user} />
            </button>
          </h3>
        )}
        <MessageItem
          message={message}
          own={own}
          replied={message.replyTo ? bySeq.get(message.replyTo) : undefined}
          isLast={state.messages.at(-1) === message}
          readBy={own && message === lastOwn && message.seq !== null ? readers(state, message.seq, message.user) : 0}
          isLastOwn={own && message === lastOwn}
          isFound={found === row.key}
          actions={actions}
        />
      </div>
    </div>
  );
}

/** The author's picture, which opens the person's card. Keyboards and screen readers use the name beside it instead. */
function AuthorPicture({ message, onPick }: { message: ChatMessage; onPick: () => void }) {
  return (
    <button type="button" class="avatar-button" tabIndex={-1} aria-hidden="true" onClick={onPick}>
      <Avatar user={message.user} name={message.name} />
    </button>
  );
}

function readers(state: RoomState, seq: number, author: string): number {
  return Object.entries(state.read).filter(([user, read]) => user !== author && read >= seq).length;
}
