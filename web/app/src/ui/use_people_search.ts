import { useEffect, useState } from "preact/hooks";
import type { Profile, UserId } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";

/** Milliseconds without typing after which the search starts. */
const PAUSE_MS = 200;
/** The server requires at least this many characters to search for a name. */
const MIN_CHARACTERS = 2;

/** Return the last text that has stayed the same for PAUSE_MS. */
export function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

/** Return the people, without the signed-in user, whose names begin with `text`. The server searches them. */
export function usePeople(text: string, limit: number): readonly (Profile & { user: UserId })[] {
  const { client, self, profiles } = useApp();
  const [people, setPeople] = useState<readonly (Profile & { user: UserId })[]>([]);
  const name = useSettled(text.trim());
  useEffect(() => {
    let isWanted = true;
    const show = (found: readonly (Profile & { user: UserId })[]) => {
      if (isWanted) setPeople(found.filter(({ user }) => user !== self.user));
    };
    if ([...name].length < MIN_CHARACTERS) show([]);
    else
      client.findPeople(name, limit).then(
        (found) => {
          profiles.learn(found);
          show(found);
        },
        () => show([]),
      );
    return () => {
      isWanted = false;
    };
  }, [client, name, limit]);
  return people;
}
