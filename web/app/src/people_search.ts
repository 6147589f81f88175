/** Find people by a typed text: in a search field, or in a message that mentions them. Pure. */

import { isUserId, type UserId } from "@roomcast/sdk";
import { cleanName } from "./safe_names.ts";

export interface Person {
  user: UserId;
  name: string;
}

/**
 * Return the people that match a text, each once. Known people whose name or id contains the text come first, then the
 * people that the server has found. If the text is a possible id of a user who is not in the list, add that id last.
 */
export function peopleFor(text: string, known: readonly Person[], found: readonly Person[], count: number): Person[] {
  const wanted = fold(text.trim());
  if (!wanted) return [];
  const named = known.filter(({ user, name }) => fold(name).includes(wanted) || fold(user).includes(wanted));
  const people = new Map([...named, ...found].map((person) => [person.user, person]));
  const id = text.trim();
  const offered = [...people.values()].slice(0, count);
  return isUserId(id) && !people.has(id) ? [...offered, { user: id, name: id }] : offered;
}

/** The most people that one message can mention. */
const MAX_MENTIONS = 20;

/** Return the users whom a text mentions: `@` and the whole name or id. */
export function mentionsIn(text: string, people: readonly Person[]): UserId[] {
  const folded = fold(text);
  const isNamed = (name: string) => {
    for (let at = folded.indexOf(`@${name}`); name && at >= 0; at = folded.indexOf(`@${name}`, at + 1)) {
      const before = folded.slice(0, at);
      const after = folded.slice(at + name.length + 1);
      if (!/[\p{L}\p{N}_]$/u.test(before) && !/^[\p{L}\p{N}_]/u.test(after)) return true;
    }
    return false;
  };
  const named = people.filter(({ user, name }) => isNamed(fold(name)) || isNamed(fold(user)));
  return [...new Set(named.map(({ user }) => user))].slice(0, MAX_MENTIONS);
}

function fold(name: string): string {
  return cleanName(name, "").normalize("NFKC").toLocaleLowerCase();
}
