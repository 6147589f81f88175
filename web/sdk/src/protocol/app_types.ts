/** Describe the data that an application adds: in messages and in custom events. */

import type { RoomId, UserId } from "./ids.ts";

/** A JSON object of the application: at most `MAX_DATA_BYTES` as JSON, nested at most `MAX_DATA_DEPTH` deep. */
// biome-ignore lint/suspicious/noExplicitAny: an interface is assignable to an index signature only if that is `any`
export type Data = Record<string, any>;

/** The types that an application adds to the protocol; see `connect`. Undeclared data may be any JSON object. */
export interface AppTypes {
  /** The type of `data` in messages. */
  messageData?: object;
  /** Name → type of `data` of custom events, sent by any user or back end. */
  events?: object;
}

/** The `data` of an application's messages. */
export type MessageData<A extends AppTypes> = A extends { messageData: infer D extends object } ? D : Data;

/** Name → data of an application's custom events. */
export type CustomEvents<A extends AppTypes> = A extends { events: infer E extends object } ? E : Record<string, Data>;

/** The name of one of an application's custom events. */
export type CustomEventName<A extends AppTypes> = keyof CustomEvents<A> & string;

/** A custom event of the application, from `room:emit` or from a back end. Gateways do not store it. */
export interface CustomEvent<D = Data> {
  event: string;
  data: D;
  /** Absent on events that a back end sends to one user or to all users. */
  room?: RoomId;
  /** The sender, as set by the gateway; absent on events of back ends. */
  user?: UserId;
}
