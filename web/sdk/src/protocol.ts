/**
 * Describe every event between a browser and a gateway: protocol version 1.
 *
 * Times are milliseconds since the epoch by the server's clock; sizes are bytes; durations are seconds.
 * `contract/src/roomcast/contract/vectors/browser.json` has the same names; a test compares the two.
 */

export * from "./protocol/app_types.ts";
export * from "./protocol/client_events.ts";
export * from "./protocol/ids.ts";
export * from "./protocol/limits.ts";
export * from "./protocol/messages.ts";
export * from "./protocol/people.ts";
export * from "./protocol/rooms.ts";
export * from "./protocol/server_events.ts";
