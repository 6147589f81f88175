import { useEffect, useRef } from "react";
import { useMessages, useRoom, useTyping, useUpload } from "@roomcast/react";
import { call, type Helpdesk, type Me, type Ticket, type TicketState } from "./backend";
import { MessageLine } from "./message_line";

interface Props {
  me: Me;
  ticket: Ticket;
  onState: (id: string, state: TicketState) => void;
}

/** One ticket: its messages, the typing indicator, its state, and a form to answer. */
export function TicketView({ me, ticket, onState }: Props) {
  const { room, members, phase } = useRoom<Helpdesk>(ticket.room);
  const { messages, send, retry, markRead, hasOlder, loadOlder } = useMessages(ticket.room);
  const { typing, setTyping } = useTyping(ticket.room);
  const { state: sending, upload } = useUpload(ticket.room);
  const end = useRef<HTMLDivElement>(null);
  const newest = messages.findLast(({ seq }) => seq !== null)?.seq ?? 0;

  useEffect(
    // An event with `user` comes from another client, which could claim any state.
    () => room?.on("ticket:state", ({ data, user }) => { if (!user) onState(ticket.id, data.state); }),
    [room, ticket.id, onState],
  );
  useEffect(() => {
    if (newest) markRead(newest);
    end.current?.scrollIntoView();
  }, [newest, markRead]);

  const submit = (form: FormData) => {
    const text = String(form.get("text")).trim();
    if (text) send({ text });
    setTyping(false);
  };
  const attach = async (file: File | undefined) => {
    if (file) send({ media: await upload(file) });
  };
  const other: TicketState = ticket.state === "open" ? "solved" : "open";
  const names = typing.map((user) => members.find((member) => member.user === user)?.name ?? "Somebody");

  return (
    <section className="ticket" data-phase={phase}>
      <header>
        <h2>{ticket.subject}</h2> <span className="state">{ticket.state}</span>
        <button type="button" onClick={() => void call("PUT", `/tickets/${ticket.id}/state`, { state: other })}>
          Mark as {other}
        </button>
      </header>
      <div className="messages">
        {hasOlder && <button type="button" onClick={() => void loadOlder()}>Older messages</button>}
        {messages.map((message) => (
          <MessageLine key={message.id} message={message} isOwn={message.user === me.id} onRetry={() => retry(message.id)} />
        ))}
        <div ref={end} />
      </div>
      <p className="typing" aria-live="polite">{names.length > 0 && `${names.join(", ")} typing…`}</p>
      <form action={submit}>
        <input name="text" aria-label="Message" autoComplete="off" onChange={({ target }) => setTyping(target.value !== "")} />
        <label className="attach">
          {sending?.phase === "sending" ? "Sending…" : "Attach"}
          <input type="file" aria-label="File" onChange={({ target }) => void attach(target.files?.[0]).catch(() => {})} />
        </label>
        <button type="submit">Send</button>
      </form>
      {sending?.error && <p role="alert">The file was not sent: {sending.error.message}</p>}
    </section>
  );
}
