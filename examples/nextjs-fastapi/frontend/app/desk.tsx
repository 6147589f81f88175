import { useCallback, useEffect, useState } from "react";
import { useConnection, useInbox } from "@roomcast/react";
import { Agents } from "./agents";
import { call, type Me, type Ticket, type TicketState } from "./backend";
import { NewTicket } from "./new_ticket";
import { TicketView } from "./ticket_view";

/** The list of tickets on the left, and the open ticket on the right. */
export function Desk({ me, onSignedOut }: { me: Me; onSignedOut: () => void }) {
  const { phase, signOut } = useConnection();
  const { rooms, unread } = useInbox();
  const [tickets, setTickets] = useState<Ticket[]>([]);
  const [open, setOpen] = useState<string | null>(null);

  // If the inbox has a room without a known ticket, the ticket is new: load the tickets again.
  const isMissing = rooms.some(({ room }) => !tickets.some((ticket) => ticket.room === room));
  useEffect(() => void call<Ticket[]>("GET", "/tickets").then(setTickets, () => {}), [isMissing]);

  const setState = useCallback((id: string, state: TicketState) => {
    setTickets((all) => all.map((ticket) => (ticket.id === id ? { ...ticket, state } : ticket)));
  }, []);
  const leave = async () => {
    await call("POST", "/sign-out");
    await signOut();
    onSignedOut();
  };

  const byRoom = new Map(tickets.map((ticket) => [ticket.room, ticket]));
  const current = tickets.find(({ id }) => id === open);
  return (
    <div className="desk">
      <aside>
        <header>
          <strong>{me.name}</strong> <span data-phase={phase}>{phase === "online" ? me.role : "connecting…"}</span>
          <button type="button" onClick={leave}>Sign out</button>
        </header>
        <Agents />
        {me.role === "customer" && <NewTicket onOpened={(ticket) => { setTickets((all) => [ticket, ...all]); setOpen(ticket.id); }} />}
        <nav aria-label={`Tickets, ${unread} unread`}>
          {rooms.map(({ room, unread, last }) => {
            const ticket = byRoom.get(room);
            return ticket && (
              <button key={room} type="button" aria-current={ticket.id === open} data-state={ticket.state} onClick={() => setOpen(ticket.id)}>
                <b>{ticket.subject}</b> {unread > 0 && <span className="unread">{unread}</span>}
                <small>{last?.text ?? last?.media?.name}</small>
              </button>
            );
          })}
        </nav>
      </aside>
      {current ? <TicketView key={current.id} me={me} ticket={current} onState={setState} /> : <p className="wait">Choose a ticket.</p>}
    </div>
  );
}
