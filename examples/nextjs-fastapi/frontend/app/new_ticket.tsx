import { useState } from "react";
import { call, type Ticket } from "./backend";

/** The form for a customer's question. The back end creates the room and publishes the text. */
export function NewTicket({ onOpened }: { onOpened: (ticket: Ticket) => void }) {
  const [error, setError] = useState("");
  const submit = async (form: FormData) => {
    try {
      onOpened(await call<Ticket>("POST", "/tickets", { subject: form.get("subject"), text: form.get("text") }));
      setError("");
    } catch (fault) {
      setError((fault as Error).message);
    }
  };
  return (
    <form action={submit} className="new">
      <input name="subject" required maxLength={60} placeholder="Subject" aria-label="Subject" />
      <textarea name="text" required maxLength={2000} placeholder="What can we do for you?" aria-label="Question" />
      <button type="submit">Open a ticket</button>
      {error && <p role="alert">{error}</p>}
    </form>
  );
}
