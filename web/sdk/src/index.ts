/**
 * Roomcast for TypeScript: `connect()`, then `client.room(id)`.
 *
 * @packageDocumentation
 */

export type { BackoffPolicy } from "./connection/backoff.ts";
export { connect, type Client, type ConnectOptions } from "./client.ts";
export type { ConnectionOptions } from "./connection/connection.ts";
export { NOT_CONNECTED, type ConnectionState, type Phase } from "./connection/connection_state.ts";
export type { EmitOptions } from "./custom_events.ts";
export type { Undo } from "./emitter.ts";
export { CODES, isWireError, RoomcastError, type Reason, type WireError } from "./errors.ts";
export type { Inbox } from "./inbox.ts";
export { EMPTY_INBOX, type InboxPhase, type InboxState } from "./inbox_state.ts";
export type { KeyValueStorage } from "./unsent_storage.ts";
export type { Presence, PresenceMap, WatchOptions } from "./presence.ts";
export * from "./protocol/app_types.ts";
export * from "./protocol/client_events.ts";
export * from "./protocol/ids.ts";
export * from "./protocol/limits.ts";
export * from "./protocol/messages.ts";
export * from "./protocol/people.ts";
export * from "./protocol/rooms.ts";
export * from "./protocol/server_events.ts";
export type { Room } from "./room.ts";
export type { RoomAdmin, RoomChanges } from "./room_admin.ts";
export type { RoomCacheOptions } from "./room_cache.ts";
export { EMPTY_ROOM, type RoomPhase, type EditOptions, type RoomState, type SendOptions } from "./room_state.ts";
export type { SenderOptions } from "./sender.ts";
export type { TokenSource } from "./connection/token_source.ts";
export type { Transport } from "./connection/transports.ts";
export type { FileTransport, Upload, UploadOptions, UploadPhase, UploadState } from "./upload.ts";
export type { ChatMessage, Reaction } from "./message_view.ts";
