import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";

interface ConfirmationProps {
  title: string;
  text: ComponentChildren;
  /** The label of the button that cancels. */
  keep: string;
  /** The label of the button that confirms. */
  action: string;
  run: () => Promise<void>;
  /** Returns the sentence that says why `run` has failed. */
  explain: (thrown: unknown) => string;
  onClose: () => void;
}

/** Ask before an action that cannot be undone. The dialog closes after the action, or shows why it has failed. */
export function Confirmation({ title, text, keep, action, run, explain, onClose }: ConfirmationProps) {
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    try {
      await run();
      onClose();
    } catch (thrown) {
      setError(explain(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <p class="form-error" role="alert">
        {error}
      </p>
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          {keep}
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => void confirm()}
          disabled={busy}
          autofocus
          data-testid="confirm"
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
