import { Component } from "preact";
import type { ChatMessage, UserId } from "@roomcast/sdk";
import { clockTime, isEmojiOnly, isImage, linkParts, nameList, summary } from "../format.ts";
import { FileCard, MediaImage } from "./media.tsx";
import { Icon } from "./icons.tsx";
import { Toolbar } from "./toolbar.tsx";

export interface MessageActions {
  self: UserId;
  nameOf: (user: UserId) => string;
  reply: (message: ChatMessage) => void;
  edit: (message: ChatMessage) => void;
  remove: (message: ChatMessage) => void;
  retry: (message: ChatMessage) => void;
  discard: (message: ChatMessage) => void;
  react: (message: ChatMessage, emoji: string, on: boolean) => void;
  jump: (seq: number) => void;
}

interface MessageProps {
  message: ChatMessage;
  own: boolean;
  /** The message that this one answers, where it is loaded. */
  replied: ChatMessage | undefined;
  isLast: boolean;
  isLastOwn: boolean;
  readBy: number;
  actions: MessageActions;
}

/** Rendered again only when something about it has changed: a long timeline stays quick. */
export class MessageItem extends Component<MessageProps> {
  override shouldComponentUpdate(next: MessageProps): boolean {
    const names = Object.keys(next) as (keyof MessageProps)[];
    return names.some((name) => next[name] !== this.props[name]);
  }

  override render() {
    return <Item {...this.props} />;
  }
}

function Item(props: MessageProps) {
  const { message, own, actions, isLast, isLastOwn } = props;
  const classes = ["message", `message-${message.state}`];
  if (message.media && !message.text) classes.push("message-media");
  if (!message.media && message.text && isEmojiOnly(message.text)) classes.push("message-emoji");
  return (
    <article
      class={classes.join(" ")}
      tabIndex={isLast ? 0 : -1}
      data-testid="message"
      data-seq={message.seq ?? ""}
      data-id={message.id}
      data-state={message.state}
      data-user={message.user}
      aria-label={`${message.name}, ${clockTime(message.time)}`}
    >
      <div class="message-line">
        <div class="bubble">
          <Quote {...props} />
          <Body message={message} />
          <Meta message={message} />
        </div>
        {message.seq !== null && !message.deleted && <Toolbar message={message} own={own} actions={actions} />}
      </div>
      <Reactions message={message} actions={actions} />
      {message.state === "failed" && <Failed message={message} actions={actions} />}
      {own && (isLastOwn || message.state === "sending") && message.state !== "failed" && <Delivery {...props} />}
    </article>
  );
}

function Body({ message }: { message: ChatMessage }) {
  if (message.deleted) return <p class="text deleted">This message was deleted.</p>;
  return (
    <>
      {message.media &&
        (isImage(message.media) ? <MediaImage media={message.media} /> : <FileCard media={message.media} />)}
      {message.text && (
        <p class="text">
          {linkParts(message.text).map((part, index) =>
            part.href ? (
              <a key={index} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
                {part.text}
              </a>
            ) : (
              part.text
            ),
          )}
        </p>
      )}
    </>
  );
}

function Quote({ message, replied, actions }: MessageProps) {
  const seq = message.replyTo;
  if (!seq || message.deleted) return null;
  const text = replied
    ? replied.deleted
      ? "Deleted message"
      : summary(replied.text, replied.media)
    : "Earlier message";
  return (
    <button type="button" class="quote" onClick={() => actions.jump(seq)}>
      <b>{replied?.name ?? "Reply"}</b>
      <span>{text}</span>
    </button>
  );
}

function Meta({ message }: { message: ChatMessage }) {
  return (
    <span class="meta">
      {message.edited && !message.deleted && <span>edited</span>}
      <time dateTime={new Date(message.time).toISOString()} title={new Date(message.time).toLocaleString()}>
        {clockTime(message.time)}
      </time>
    </span>
  );
}

function Delivery({ message, readBy }: MessageProps) {
  if (message.state === "sending") {
    return (
      <p class="delivery">
        <Icon name="clock" size={14} /> Sending…
      </p>
    );
  }
  return (
    <p class={readBy ? "delivery seen" : "delivery"}>
      <Icon name={readBy ? "checks" : "check"} size={14} />{" "}
      {readBy > 1 ? `Seen by ${readBy}` : readBy ? "Seen" : "Sent"}
    </p>
  );
}

function Failed({ message, actions }: { message: ChatMessage; actions: MessageActions }) {
  return (
    <p class="delivery failed" role="alert">
      <Icon name="warning" size={14} /> Not sent
      <button class="link-button" onClick={() => actions.retry(message)} data-testid="retry">
        Retry
      </button>
      <button class="link-button" onClick={() => actions.discard(message)} data-testid="discard">
        Discard
      </button>
    </p>
  );
}

function Reactions({ message, actions }: { message: ChatMessage; actions: MessageActions }) {
  if (message.reactions.length === 0) return null;
  return (
    <div class="reactions">
      {message.reactions.map(({ emoji, users }) => {
        const mine = users.includes(actions.self);
        const names = nameList(users.map((user) => (user === actions.self ? "You" : actions.nameOf(user))));
        return (
          <button
            type="button"
            key={emoji}
            class="reaction"
            aria-pressed={mine}
            aria-label={`${emoji} ${users.length}: ${names}`}
            title={names}
            onClick={() => actions.react(message, emoji, !mine)}
            data-testid="reaction"
          >
            <span class="emoji">{emoji}</span> {users.length}
          </button>
        );
      })}
    </div>
  );
}
