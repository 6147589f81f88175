/** Find a person by what was typed. Pure. */

import type { UserId } from "@roomcast/sdk";
import { cleanName } from "./names.ts";

/**
 * Return the user that an input means: a known id, else the only person of that name, else the input itself as an id.
 * Return null when several people have the name.
 */
export function userOfInput(input: string, people: readonly { user: UserId; name: string }[]): UserId | null {
  const text = input.trim();
  if (people.some(({ user }) => user === text)) return text;
  const wanted = fold(text);
  const named = people.filter(({ name }) => fold(name) === wanted);
  if (named.length > 1) return null;
  return named[0]?.user ?? text;
}

function fold(name: string): string {
  return cleanName(name, "").normalize("NFKC").toLocaleLowerCase();
}
