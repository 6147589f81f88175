"""Store sign-ins and tickets in SQLite. A product would implement the same methods on its own database."""

from __future__ import annotations

import secrets
import sqlite3
from typing import Literal, NamedTuple

State = Literal["open", "solved"]
Role = Literal["customer", "agent"]

_TABLES = """
CREATE TABLE IF NOT EXISTS people (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS visitors (id TEXT, person TEXT NOT NULL REFERENCES people, PRIMARY KEY (id, person));
CREATE TABLE IF NOT EXISTS sign_ins (id TEXT PRIMARY KEY, person TEXT NOT NULL REFERENCES people);
CREATE TABLE IF NOT EXISTS tickets (
  id TEXT PRIMARY KEY, subject TEXT NOT NULL, customer TEXT NOT NULL REFERENCES people, state TEXT NOT NULL
);
"""


class Person(NamedTuple):
    """A customer or an agent."""

    id: str
    name: str
    role: Role


class Ticket(NamedTuple):
    """A question of a customer, and whether it is solved."""

    id: str
    subject: str
    customer: str
    state: State

    @property
    def room(self) -> str:
        """The room of the ticket's conversation."""
        return f"ticket:{self.id}"


class Store:
    """The store of sign-ins and tickets. `path`: a file, or `:memory:`."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def sign_in(self, visitor: str, name: str, role: Role) -> tuple[str, Person]:
        """Create a sign-in; return its id and the person. The same visitor, name and role are the same person again.

        `visitor`: a secret that only this visitor's browser has.
        """
        person = self._person_of(visitor, name, role) or self._new_person(visitor, name, role)
        sign_in = secrets.token_urlsafe(24)
        self._database.execute("INSERT INTO sign_ins VALUES (?, ?)", (sign_in, person.id))
        return sign_in, person

    def knows_visitor(self, visitor: str) -> bool:
        """Return whether a person has signed in with this secret before."""
        return bool(self._database.execute("SELECT 1 FROM visitors WHERE id = ?", (visitor,)).fetchone())

    def _person_of(self, visitor: str, name: str, role: Role) -> Person | None:
        row = self._database.execute(
            "SELECT people.* FROM people JOIN visitors ON people.id = person"
            " WHERE visitors.id = ? AND name = ? AND role = ?",
            (visitor, name, role),
        ).fetchone()
        return Person(*row) if row else None

    def _new_person(self, visitor: str, name: str, role: Role) -> Person:
        person = Person(f"{role}-{secrets.token_hex(4)}", name, role)
        self._database.execute("INSERT INTO people VALUES (?, ?, ?)", person)
        self._database.execute("INSERT INTO visitors VALUES (?, ?)", (visitor, person.id))
        return person

    def sign_out(self, sign_in: str) -> None:
        """Delete a sign-in."""
        self._database.execute("DELETE FROM sign_ins WHERE id = ?", (sign_in,))

    def person(self, sign_in: str) -> Person | None:
        """Return the person of a sign-in, or None."""
        row = self._database.execute(
            "SELECT people.* FROM people JOIN sign_ins ON people.id = person WHERE sign_ins.id = ?", (sign_in,)
        ).fetchone()
        return Person(*row) if row else None

    def agents(self) -> list[Person]:
        """Return all agents."""
        return [Person(*row) for row in self._database.execute("SELECT * FROM people WHERE role = 'agent'")]

    def open_ticket(self, subject: str, customer: str) -> Ticket:
        """Store a new ticket."""
        ticket = Ticket(secrets.token_hex(6), subject, customer, "open")
        self._database.execute("INSERT INTO tickets VALUES (?, ?, ?, ?)", ticket)
        return ticket

    def ticket(self, ticket_id: str) -> Ticket | None:
        """Return a ticket, or None."""
        row = self._database.execute("SELECT * FROM tickets WHERE id = ?", (ticket_id,)).fetchone()
        return Ticket(*row) if row else None

    def tickets(self, person: Person) -> list[Ticket]:
        """Return the tickets that a person may see: all tickets for an agent, else the person's own tickets."""
        rows = self._database.execute(
            "SELECT * FROM tickets WHERE ? = 'agent' OR customer = ? ORDER BY rowid DESC LIMIT 500",
            (person.role, person.id),
        )
        return [Ticket(*row) for row in rows]

    def set_state(self, ticket_id: str, state: State) -> None:
        """Mark a ticket as solved, or as open again."""
        self._database.execute("UPDATE tickets SET state = ? WHERE id = ?", (state, ticket_id))
