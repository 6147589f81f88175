/** Describe people: profiles, members of rooms, presence and devices. */

import type { UserId } from "./ids.ts";

/** The role of a room's member. Owners and admins invite and remove people. */
export type Role = "owner" | "admin" | "member";

/** The status that a user sets. */
export type Status = "online" | "away" | "busy" | "invisible";

/** The status that other users see: invisible people are shown as offline. */
export type ShownStatus = "online" | "away" | "busy" | "offline";

/** The statuses that a user can set. */
export const STATUSES = ["online", "away", "busy", "invisible"] as const satisfies readonly Status[];

/** The profile of a person: what other users see. */
export interface Profile {
  name: string;
  /** An https URL. */
  picture?: string;
  /** A JSON object of the application. */
  data?: Record<string, unknown>;
}

/** A person in a room. */
export interface Member {
  user: UserId;
  name: string;
  status: ShownStatus;
  role?: Role;
}

/** One device of a person: one connection. */
export interface Device {
  status: ShownStatus;
  /** The kind of device that its client has named, for example `web` or `mobile`; absent if none. */
  kind?: string;
}

/** A person's status and note. */
export interface PresenceInfo {
  status: ShownStatus;
  last_seen?: number;
  note?: string;
  /** When the note ends; absent if it has no end. */
  until?: number;
  /** The devices, the most reachable first; only of people who are watched with `devices`. */
  devices?: readonly Device[];
}

/** A new state of one person. */
export interface PresenceChange extends PresenceInfo {
  user: UserId;
}

/** A list of people. */
export type Users = { users: UserId[] };

/** A list of people, and whether to return their devices. */
export type PresenceLook = Users & { devices?: boolean };

/** The presence of each person in a list. */
export type UsersAnswer = { users: Record<UserId, PresenceInfo> };
