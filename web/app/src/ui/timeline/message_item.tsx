import { Component } from "preact";
import type { ChatMessage } from "@roomcast/sdk";
import { clockTime, isEmojiOnly, linkParts, nameList, summary } from "../../format.ts";
import { isolated } from "../../safe_names.ts";
import { groupReactions } from "../../reaction_groups.ts";
import { Icon } from "../icons.tsx";
import { MediaView } from "./media.tsx";
import type { MessageActions } from "./message_actions.ts";
import { DisplayName } from "../display_name.tsx";
import { Toolbar } from "./toolbar.tsx";

interface MessageProps {
  message: ChatMessage;
  own: boolean;
  /** The message that this one answers, if it is loaded. */
  replied: ChatMessage | undefined;
  isLast: boolean;
  isLastOwn: boolean;
  /** Whether the reader has just jumped to this message. */
  isFound: boolean;
  readBy: number;
  actions: MessageActions;
}

/** A message, rendered again only when one of its properties has changed. */
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
  return (
    <article
      class={classesOf(props)}
      tabIndex={isLast ? 0 : -1}
      data-testid="message"
      data-seq={message.seq ?? ""}
      data-id={message.id}
      data-state={message.state}
      data-user={message.user}
      aria-label={`${isolated(message.name)}, ${clockTime(message.time)}`}
    >
      <div class="message-line">
        <div class="bubble">
          <Quote {...props} />
          <div class="bubble-body" dir="auto">
            <Body message={message} />
            <Meta message={message} />
          </div>
        </div>
        {message.seq !== null && !message.deleted && <Toolbar message={message} own={own} actions={actions} />}
      </div>
      <Reactions message={message} actions={actions} />
      {message.state === "failed" && <Failed message={message} actions={actions} />}
      {own && (isLastOwn || message.state === "sending") && message.state !== "failed" && <Delivery {...props} />}
    </article>
  );
}

function classesOf({ message, isFound }: MessageProps): string {
  const classes = ["message", `message-${message.state}`];
  if (message.media && !message.text && !message.deleted) classes.push("message-media");
  if (!message.media && message.text && isEmojiOnly(message.text)) classes.push("message-emoji");
  if (isFound) classes.push("found");
  return classes.join(" ");
}

function Body({ message }: { message: ChatMessage }) {
  if (message.deleted) return <p class="text deleted">This message was deleted.</p>;
  if (!message.media && !message.text) return <p class="text deleted">This page cannot show this message.</p>;
  return (
    <>
      {message.media && <MediaView media={message.media} />}
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
    : "Show the earlier message";
  return (
    <button type="button" class="quote" onClick={() => actions.jump(seq)} data-testid="quote">
      <b>{replied ? <DisplayName of={replied.name} fallback={replied.user} /> : "Reply"}</b>
      <span dir="auto">{text}</span>
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
      <button type="button" class="link-button" onClick={() => actions.retry(message)} data-testid="retry">
        Retry
      </button>
      <button type="button" class="link-button" onClick={() => actions.discard(message)} data-testid="discard">
        Discard
      </button>
    </p>
  );
}

function Reactions({ message, actions }: { message: ChatMessage; actions: MessageActions }) {
  if (message.reactions.length === 0) return null;
  return (
    <div class="reactions">
      {groupReactions(message.reactions).map(({ emoji, users }) => {
        const names = nameList(users.map((user) => (user === actions.self ? "You" : isolated(actions.nameOf(user)))));
        return (
          <button
            type="button"
            key={emoji}
            class="reaction"
            aria-pressed={users.includes(actions.self)}
            aria-label={`${emoji} ${users.length}: ${names}`}
            title={names}
            onClick={() => actions.react(message, emoji)}
            data-testid="reaction"
          >
            <span class="emoji">{emoji}</span> {users.length}
          </button>
        );
      })}
    </div>
  );
}
