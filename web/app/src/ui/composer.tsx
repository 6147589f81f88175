import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ChatMessage, Room } from "@roomcast/sdk";
import { explain, useApp } from "../app.ts";
import { summary } from "../format.ts";
import { IconButton } from "./icons.tsx";

export type ComposerMode =
  { type: "write" } | { type: "reply"; message: ChatMessage } | { type: "edit"; message: ChatMessage };

interface ComposerProps {
  room: Room;
  mode: ComposerMode;
  onMode: (mode: ComposerMode) => void;
  onFiles: (files: Iterable<File>) => void;
}

const IDLE_MS = 4000;
const WRITE: ComposerMode = { type: "write" };

export function Composer({ room, mode, onMode, onFiles }: ComposerProps) {
  const { client, note, self } = useApp();
  const [text, setText] = useDraft(`${self.user}:${room.id}`);
  const area = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const typing = useTyping(room);
  const maxBytes = client.state.ready?.limits?.message_bytes ?? 16_384;
  const overBytes = text.length * 3 > maxBytes ? new TextEncoder().encode(text).length - maxBytes : 0;

  useLayoutEffect(() => grow(area.current), [text]);
  useEffect(() => {
    if (mode.type === "edit") setText(mode.message.text ?? "");
    if (mode.type !== "write" || matchMedia("(hover: hover)").matches) area.current?.focus();
  }, [mode]);

  const finish = () => {
    setText("");
    onMode(WRITE);
    area.current?.focus();
  };
  const submit = () => {
    const trimmed = text.trim();
    if (!trimmed || overBytes > 0) return;
    typing.stop();
    if (mode.type === "edit") {
      const { seq } = mode.message;
      if (seq !== null && trimmed !== mode.message.text)
        room.edit(seq, trimmed).catch((error: unknown) => note(explain(error)));
    } else {
      room.send({
        text: trimmed,
        ...(mode.type === "reply" && mode.message.seq !== null ? { replyTo: mode.message.seq } : {}),
      });
    }
    finish();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && mode.type !== "write") {
      event.stopPropagation();
      if (mode.type === "edit") setText("");
      onMode(WRITE);
    } else if (event.key === "ArrowUp" && text === "" && mode.type === "write") {
      const last = lastEditable(room.state.messages, self.user);
      if (last) (event.preventDefault(), onMode({ type: "edit", message: last }));
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length === 0) return;
    event.preventDefault();
    onFiles(pasted);
  };
  const onInput = (event: Event) => {
    setText((event.currentTarget as HTMLTextAreaElement).value);
    typing.key((event.currentTarget as HTMLTextAreaElement).value !== "");
  };
  const onPick = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    onFiles([...(input.files ?? [])]);
    input.value = "";
  };

  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), submit())}>
      {mode.type !== "write" && (
        <ModeLine mode={mode} onCancel={() => (mode.type === "edit" && setText(""), onMode(WRITE))} />
      )}
      <div class="composer-box">
        <IconButton icon="image" label="Send an image" onClick={() => files.current?.click()} />
        <input
          ref={files}
          type="file"
          accept="image/png,image/jpeg,image/gif,image/webp"
          multiple
          hidden
          tabIndex={-1}
          onChange={onPick}
          data-testid="file-input"
          aria-label="Images to send"
        />
        <textarea
          ref={area}
          rows={1}
          value={text}
          placeholder={mode.type === "edit" ? "Edit the message" : "Write a message"}
          aria-label="Message"
          onInput={onInput}
          onKeyDown={onKey}
          onPaste={onPaste}
          data-testid="composer"
        />
        <button
          type="submit"
          class="send"
          disabled={!text.trim() || overBytes > 0}
          aria-label="Send"
          title="Send"
          data-testid="send"
        >
          <SendIcon editing={mode.type === "edit"} />
        </button>
      </div>
      {overBytes > 0 && (
        <p class="composer-note" role="alert">
          Too long by {overBytes} bytes.
        </p>
      )}
    </form>
  );
}

function ModeLine({ mode, onCancel }: { mode: Exclude<ComposerMode, { type: "write" }>; onCancel: () => void }) {
  const { message } = mode;
  return (
    <div class="mode-line">
      <span class="mode-text">
        <b>{mode.type === "edit" ? "Editing" : `Reply to ${message.name}`}</b>
        <span>{summary(message.text, message.media)}</span>
      </span>
      <IconButton icon="close" iconSize={16} label="Cancel" onClick={onCancel} />
    </div>
  );
}

function SendIcon({ editing }: { editing: boolean }) {
  return (
    <svg class="icon" width="20" height="20" viewBox="0 0 24 24" aria-hidden="true">
      <path d={editing ? "M5 12.5l4.5 4.5L19 7.5" : "M12 19V5M5.5 11.5L12 5l6.5 6.5"} />
    </svg>
  );
}

/** What is half written in each room stays there while one looks at another. */
function useDraft(place: string): [string, (text: string) => void] {
  const key = `roomcast:draft:${place}`;
  const [text, setText] = useState(() => sessionStorage.getItem(key) ?? "");
  const keep = (next: string) => {
    setText(next);
    if (next) sessionStorage.setItem(key, next);
    else sessionStorage.removeItem(key);
  };
  return [text, keep];
}

/** Tells the others while keys are pressed; stops after a pause. */
function useTyping(room: Room) {
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const stop = () => {
    clearTimeout(timer.current);
    room.setTyping(false);
  };
  const key = (hasText: boolean) => {
    if (!hasText) return stop();
    clearTimeout(timer.current);
    timer.current = setTimeout(stop, IDLE_MS);
    room.setTyping(true);
  };
  useEffect(() => stop, [room]);
  return { key, stop };
}

function lastEditable(messages: readonly ChatMessage[], self: string): ChatMessage | undefined {
  return messages.findLast(
    (message) => message.user === self && message.seq !== null && message.text && !message.deleted,
  );
}

/** As high as its text, up to what the style sheet allows. */
function grow(area: HTMLTextAreaElement | null): void {
  if (!area) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
