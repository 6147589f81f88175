/** Keep the list of people in a room. Pure. */

import type { Member } from "./protocol/people.ts";
import type { RoomChange } from "./protocol/rooms.ts";

/** The people in a room. */
export interface People {
  /** How many people are here. */
  occupancy: number;
  /** The people who are here, as far as the server lists them. */
  members: readonly Member[];
  /** The people who were seen here and have left, the latest first. */
  gone: readonly Member[];
}

export const NO_PEOPLE: People = { occupancy: 0, members: [], gone: [] };

const MAX_GONE = 30;

/** Apply a list from the server. People who are missing from a complete list have left. */
export function peopleListed(people: People, members: readonly Member[], occupancy: number): People {
  const isWhole = occupancy <= members.length;
  const here = new Set(members.map((member) => member.user));
  const missing = isWhole ? people.members.filter((member) => !here.has(member.user)) : [];
  return { occupancy, members, gone: goneNow(people.gone, missing, here) };
}

/** Apply a change of the room: people entered or left. In large rooms the server sends the count alone. */
export function peopleChanged(people: People, { occupancy, entered = [], left = [] }: RoomChange): People {
  const came = new Set(entered.map((member) => member.user));
  const went = new Set(left);
  const stayed = people.members.filter((member) => !came.has(member.user) && !went.has(member.user));
  const missing = people.members.filter((member) => went.has(member.user));
  const members = [...stayed, ...entered];
  return { occupancy: occupancy ?? members.length, members, gone: goneNow(people.gone, missing, came) };
}

/** Apply the new name of a person. Return the same object if the person is not listed. */
export function personRenamed(people: People, user: string, name: string): People {
  const isStale = (member: Member) => member.user === user && member.name !== name;
  if (!people.members.some(isStale) && !people.gone.some(isStale)) return people;
  const renamed = (members: readonly Member[]) =>
    members.map((member) => (member.user === user ? { ...member, name } : member));
  return { ...people, members: renamed(people.members), gone: renamed(people.gone) };
}

function goneNow(gone: readonly Member[], missing: readonly Member[], here: ReadonlySet<string>): Member[] {
  const fresh = new Set(missing.map((member) => member.user));
  const older = gone.filter((member) => !here.has(member.user) && !fresh.has(member.user));
  return [...missing, ...older].slice(0, MAX_GONE);
}
