/** Cache the profiles of people: names and pictures from tokens and back ends. */

import type { Client, Profile, Undo, UserId } from "@roomcast/sdk";
import { PerUserCache } from "./per_user_cache.ts";

export class Profiles {
  readonly #profiles: PerUserCache<Profile>;

  constructor(client: Client) {
    this.#profiles = new PerUserCache((users) => client.profiles(users));
    client.on("profile", ({ user, ...profile }) => this.#profiles.learn([[user, profile]]));
    client.on("ready", () => this.#profiles.expire());
  }

  /** Return the profile of a user; undefined until the server has answered, and for an unknown user. */
  of(user: UserId): Profile | undefined {
    return this.#profiles.of(user);
  }

  subscribe(listener: () => void): Undo {
    return this.#profiles.subscribe(listener);
  }

  /** Request a user's profile soon, together with all profiles wanted by then. */
  want(user: UserId): void {
    this.#profiles.want(user);
  }

  /** Store profiles that came with an answer to another request, for example a search. */
  learn(people: readonly (Profile & { user: UserId })[]): void {
    this.#profiles.learn(people.map(({ user, ...profile }) => [user, profile]));
  }
}
