/** Roomcast in the browser: `connect()`, then `client.room(id)`. See `web/README.md`. */

export { Client, connect, type ConnectOptions } from "./client.ts";
export type { Undo } from "./emitter.ts";
export { CODES, RoomcastError, type Reason, type WireError } from "./errors.ts";
export type { ConnectionState, Phase, TokenSource } from "./link.ts";
export type { KeyValueStorage } from "./outbox.ts";
export type { PresenceBook, PresenceMap } from "./presence.ts";
export * from "./protocol.ts";
export { EMPTY_ROOM, type Room, type RoomPhase, type RoomState, type SendOptions } from "./room.ts";
export type { FileTransport, Upload, UploadOptions, UploadPhase, UploadState } from "./upload.ts";
export type { ChatMessage, Reaction } from "./view.ts";
