import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";

interface ConfirmationProps {
  title: string;
  text: ComponentChildren;
  /** The words on the buttons: nothing happens, and it happens. */
  keep: string;
  action: string;
  run: () => Promise<void>;
  /** Says why `run` has failed. */
  explain: (thrown: unknown) => string;
  onClose: () => void;
}

/** Ask before something that cannot be taken back. The dialog closes when it is done, and says why it is not. */
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
