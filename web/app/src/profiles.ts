/** Names and pictures of people, as their tokens and back ends say them. */

import type { Client, Profile, Undo, UserId } from "@roomcast/sdk";
import { KnownPeople } from "./known_people.ts";

export class Profiles {
  readonly #profiles: KnownPeople<Profile>;

  constructor(client: Client) {
    this.#profiles = new KnownPeople((users) => client.profiles(users));
    client.on("profile", ({ user, ...profile }) => this.#profiles.learn([[user, profile]]));
    client.on("ready", () => this.#profiles.expire());
  }

  /** Return what is known of a person; undefined until the server has answered, and for a person never seen. */
  of(user: UserId): Profile | undefined {
    return this.#profiles.of(user);
  }

  subscribe(listener: () => void): Undo {
    return this.#profiles.subscribe(listener);
  }

  /** Ask for a person's profile soon, together with all that are wanted by then. */
  want(user: UserId): void {
    this.#profiles.want(user);
  }

  /** Take over profiles that came with another answer, a search for example. */
  learn(people: readonly (Profile & { user: UserId })[]): void {
    this.#profiles.learn(people.map(({ user, ...profile }) => [user, profile]));
  }
}
