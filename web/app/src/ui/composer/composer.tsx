import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ChatMessage, Room } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { summary } from "../../format.ts";
import { useMedia } from "../../shared_hooks.ts";
import { mentionsIn } from "../../people_search.ts";
import { Icon, IconButton } from "../icons.tsx";
import { DisplayName } from "../display_name.tsx";
import { useComposition } from "./use_composition.ts";
import { useDraft } from "./use_draft.ts";
import { useTyping } from "./use_typing.ts";

export type ComposerMode =
  | { type: "write" }
  | { type: "reply"; message: ChatMessage }
  | { type: "edit"; message: ChatMessage };

interface ComposerProps {
  room: Room;
  mode: ComposerMode;
  onMode: (mode: ComposerMode) => void;
  onFiles: (files: Iterable<File>) => void;
}

const WRITE: ComposerMode = { type: "write" };
/** The media query for devices with an on-screen keyboard. There Enter makes a new line, and the button sends. */
const TOUCH = "(hover: none) and (pointer: coarse)";

export function Composer({ room, mode, onMode, onFiles }: ComposerProps) {
  const { self } = useApp();
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useText(`${self.user}:${room.id}`, mode);
  const typing = useTyping(room);
  const composition = useComposition();
  const isTouch = useMedia(TOUCH);
  const overBytes = useOverBytes(text);
  const send = useSend(room);
  const action = mode.type === "edit" ? "Save" : "Send";

  useLayoutEffect(() => grow(area.current), [text]);
  useEffect(() => {
    if (mode.type !== "write" || !matchMedia(TOUCH).matches) area.current?.focus();
  }, [mode]);

  const submit = () => {
    const trimmed = text.trim();
    if (!trimmed || overBytes > 0) return;
    typing.stop();
    send(mode, trimmed);
    setText("");
    onMode(WRITE);
    area.current?.focus();
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    submit();
  };
  const onKey = (event: KeyboardEvent) => {
    if (composition.takes(event)) return;
    if (event.key === "Enter" && !event.shiftKey && (!isTouch || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && mode.type !== "write") {
      event.stopPropagation();
      onMode(WRITE);
    } else if (event.key === "ArrowUp" && text === "" && mode.type === "write") {
      const last = lastEditable(room.state.messages, self.user);
      if (!last) return;
      event.preventDefault();
      onMode({ type: "edit", message: last });
    }
  };
  const onPaste = (event: ClipboardEvent) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (pasted.length === 0) return;
    event.preventDefault();
    onFiles(pasted);
  };
  const onInput = (event: Event) => {
    const { value } = event.currentTarget as HTMLTextAreaElement;
    setText(value);
    typing.key(value !== "");
  };

  return (
    <form class="composer" onSubmit={onSubmit}>
      {mode.type !== "write" && <ModeLine mode={mode} onCancel={() => onMode(WRITE)} />}
      <div class="composer-box">
        <FilePicker onFiles={onFiles} />
        <textarea
          ref={area}
          rows={1}
          dir="auto"
          value={text}
          enterkeyhint={isTouch ? "enter" : "send"}
          placeholder={mode.type === "edit" ? "Edit the message" : "Write a message"}
          aria-label="Message"
          onInput={onInput}
          onKeyDown={onKey}
          onCompositionStart={composition.onCompositionStart}
          onCompositionEnd={composition.onCompositionEnd}
          onPaste={onPaste}
          data-testid="composer"
        />
        <button
          type="submit"
          class="send"
          disabled={!text.trim() || overBytes > 0}
          aria-label={action}
          title={action}
          data-testid="send"
        >
          <Icon name={mode.type === "edit" ? "check" : "up"} />
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

/**
 * Return the text of the composer. The text of an edit is separate from the draft, so that the composer shows the draft
 * again after the edit is saved or cancelled.
 */
function useText(place: string, mode: ComposerMode): [text: string, setText: (text: string) => void] {
  const [draft, setDraft] = useDraft(place);
  const [edit, setEdit] = useState<{ of: ComposerMode; text: string } | null>(null);
  if (mode.type !== "edit") return [draft, setDraft];
  const text = edit?.of === mode ? edit.text : (mode.message.text ?? "");
  return [text, (next) => setEdit({ of: mode, text: next })];
}

/** Return by how many bytes a text exceeds the server's limit. */
function useOverBytes(text: string): number {
  const { client } = useApp();
  const maxBytes = client.state.ready?.limits?.message_bytes ?? 16_384;
  return text.length * 3 > maxBytes ? new TextEncoder().encode(text).length - maxBytes : 0;
}

function useSend(room: Room): (mode: ComposerMode, text: string) => void {
  const { note } = useApp();
  return (mode, text) => {
    if (mode.type !== "edit") {
      const replyTo = mode.type === "reply" ? mode.message.seq : null;
      const mentions = mentionsIn(text, [...room.state.members, ...room.state.gone]);
      room.send({ text, ...(replyTo !== null ? { replyTo } : {}), ...(mentions.length ? { mentions } : {}) });
      return;
    }
    const { seq } = mode.message;
    if (seq !== null && text !== mode.message.text)
      room.edit(seq, text).catch((error: unknown) => note(explain(error)));
  };
}

/** The button that picks files. It offers every type: the server decides which types to accept. */
function FilePicker({ onFiles }: { onFiles: (files: Iterable<File>) => void }) {
  const files = useRef<HTMLInputElement>(null);
  const onPick = (event: Event) => {
    const input = event.currentTarget as HTMLInputElement;
    onFiles([...(input.files ?? [])]);
    input.value = "";
  };
  return (
    <>
      <IconButton icon="clip" label="Send a file" onClick={() => files.current?.click()} />
      <input
        ref={files}
        type="file"
        multiple
        hidden
        tabIndex={-1}
        onChange={onPick}
        data-testid="file-input"
        aria-label="Files to send"
      />
    </>
  );
}

function ModeLine({ mode, onCancel }: { mode: Exclude<ComposerMode, { type: "write" }>; onCancel: () => void }) {
  const { message } = mode;
  return (
    <div class="mode-line">
      <span class="mode-text">
        <b>
          {mode.type === "edit" ? (
            "Editing"
          ) : (
            <>
              Reply to <DisplayName of={message.name} fallback={message.user} />
            </>
          )}
        </b>
        <span dir="auto">{summary(message.text, message.media)}</span>
      </span>
      <IconButton icon="close" iconSize={16} label="Cancel" onClick={onCancel} />
    </div>
  );
}

function lastEditable(messages: readonly ChatMessage[], self: string): ChatMessage | undefined {
  return messages.findLast(
    (message) => message.user === self && message.seq !== null && message.text && !message.deleted,
  );
}

/** Make the area as high as its text, up to what the style sheet allows. */
function grow(area: HTMLTextAreaElement | null): void {
  if (!area) return;
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
