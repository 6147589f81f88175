import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export interface Option {
  key: string;
  content: ComponentChildren;
  onPick: () => void;
}

interface ComboboxProps {
  /** The prefix of the elements' ids and of their `data-testid`. */
  id: string;
  label: string;
  text: string;
  onText: (text: string) => void;
  options: readonly Option[];
  /** The text to show while there is no choice. */
  empty: string;
}

/** A text field with a list of choices. Arrow keys select a choice; Enter picks it (ARIA: combobox with a listbox). */
export function Combobox({ id, label, text, onText, options, empty }: ComboboxProps) {
  const [chosen, setChosen] = useState(0);
  const at = Math.min(chosen, options.length - 1);
  const choose = (index: number) => {
    setChosen(index);
    document.getElementById(`${id}-${index}`)?.scrollIntoView({ block: "nearest" });
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) choose((at + step + options.length) % options.length);
    else if (event.key === "Enter" && !event.isComposing && options[at]) options[at].onPick();
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        class="field"
        role="combobox"
        aria-label={label}
        aria-expanded={options.length > 0}
        aria-controls={`${id}-options`}
        aria-activedescendant={options[at] ? `${id}-${at}` : undefined}
        value={text}
        placeholder={label}
        autocomplete="off"
        autofocus
        onInput={(event) => {
          onText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKey}
        data-testid={id}
      />
      <div id={`${id}-options`} role="listbox" aria-label="Choices" class="picker-options">
        {options.map(({ key, content, onPick }, index) => (
          <button
            key={key}
            type="button"
            id={`${id}-${index}`}
            class="room-item"
            role="option"
            tabIndex={-1}
            aria-selected={index === at}
            onClick={onPick}
            data-key={key}
            data-testid={`${id}-option`}
          >
            {content}
          </button>
        ))}
      </div>
      {options.length === 0 && <p role="status">{empty}</p>}
    </>
  );
}

/** The content of a choice: a title and a detail. */
export function OptionText({ title, about }: { title: string; about?: string }) {
  return (
    <span class="room-item-text">
      <span class="room-item-title">
        <bdi>{title}</bdi>
      </span>
      {about && (
        <span class="room-item-last">
          <bdi>{about}</bdi>
        </span>
      )}
    </span>
  );
}
