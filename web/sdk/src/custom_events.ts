/** Check custom events before they are sent, and dispatch received ones to listeners by name. */

import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import { dataFault } from "./payload_checks.ts";
import type { CustomEvent } from "./protocol/app_types.ts";
import { isEventName } from "./protocol/ids.ts";

/** How to send a custom event. */
export interface EmitOptions {
  /** Send the event also while this user is invisible, although it reveals that the user is here; default false. */
  asInvisible?: boolean;
}

/** The listeners of custom events, by name. */
export class CustomListeners {
  readonly #emitters = new Map<string, Emitter<CustomEvent>>();

  on(event: string, listener: (event: CustomEvent) => void): Undo {
    const emitter = this.#emitters.get(event) ?? new Emitter<CustomEvent>();
    this.#emitters.set(event, emitter);
    return emitter.subscribe(listener);
  }

  receive(event: CustomEvent): void {
    this.#emitters.get(event.event)?.emit(event);
  }
}

/** Throw `bad_request` or `too_large` for a name or data that no gateway accepts. */
export function checkCustomEvent(event: string, data: object): void {
  if (!isEventName(event)) throw RoomcastError.of("bad_request", `not a valid name of an event: ${event}`);
  const fault = dataFault(data);
  if (fault) throw fault;
}
