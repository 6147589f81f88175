import { useState } from "preact/hooks";
import type { ChatMessage } from "@roomcast/sdk";
import { MORE_EMOJI, QUICK_EMOJI } from "../../emoji.ts";
import { IconButton } from "../icons.tsx";
import type { MessageActions } from "./message_actions.ts";

const PICKER_PX = 110;

/** The buttons for a message. The style sheet shows them beside the message that has the pointer or the focus. */
export function Toolbar({ message, own, actions }: { message: ChatMessage; own: boolean; actions: MessageActions }) {
  const [picking, setPicking] = useState<"above" | "below" | null>(null);
  const toggle = (event: MouseEvent) => setPicking(picking ? null : sideOf(event.currentTarget as HTMLElement));
  const react = (emoji: string) => {
    actions.react(message, emoji);
    setPicking(null);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !picking) return;
    event.stopPropagation();
    setPicking(null);
  };
  return (
    <fieldset
      aria-label="Actions"
      class={picking ? "toolbar open" : "toolbar"}
      onKeyDown={onKey}
      onMouseLeave={() => setPicking(null)}
      data-testid="toolbar"
    >
      {QUICK_EMOJI.map((emoji) => (
        <EmojiButton key={emoji} emoji={emoji} onPick={react} />
      ))}
      <IconButton icon="smile" iconSize={18} label="More reactions" aria-expanded={picking !== null} onClick={toggle} />
      <IconButton icon="reply" iconSize={18} label="Reply" onClick={() => actions.reply(message)} data-testid="reply" />
      {own && message.text !== undefined && (
        <IconButton icon="pencil" iconSize={18} label="Edit" onClick={() => actions.edit(message)} data-testid="edit" />
      )}
      {own && (
        <IconButton
          icon="trash"
          iconSize={18}
          label="Delete"
          onClick={() => actions.remove(message)}
          data-testid="delete"
        />
      )}
      {!own && (
        <IconButton
          icon="flag"
          iconSize={18}
          label="Report"
          onClick={() => actions.report(message)}
          data-testid="report"
        />
      )}
      {picking && (
        <fieldset class={`emoji-picker ${picking}`} aria-label="Reactions">
          {MORE_EMOJI.map((emoji) => (
            <EmojiButton key={emoji} emoji={emoji} onPick={react} />
          ))}
        </fieldset>
      )}
    </fieldset>
  );
}

/** Return the side on which to open the picker: below near the upper edge of the timeline, else above. */
function sideOf(button: HTMLElement): "above" | "below" {
  const edge = button.closest(".timeline")?.getBoundingClientRect().top ?? 0;
  return button.getBoundingClientRect().top - edge < PICKER_PX ? "below" : "above";
}

function EmojiButton({ emoji, onPick }: { emoji: string; onPick: (emoji: string) => void }) {
  return (
    <button
      type="button"
      class="emoji-button"
      aria-label={`React with ${emoji}`}
      onClick={() => onPick(emoji)}
      data-testid="react"
    >
      {emoji}
    </button>
  );
}
