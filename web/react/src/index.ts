/**
 * Roomcast for React: `<RoomcastProvider>`, and hooks for components below it.
 *
 * @packageDocumentation
 */

export { RoomcastProvider, useClient, type RoomcastProviderProps } from "./provider.ts";
export { useConnection, type UseConnection } from "./use_connection.ts";
export { useInbox, type UseInbox } from "./use_inbox.ts";
export { useMessages, type MessageActions, type UseMessages } from "./use_messages.ts";
export { usePresence, type UsePresence } from "./use_presence.ts";
export { useRoom, type UseRoom } from "./use_room.ts";
export { useTyping, type UseTyping } from "./use_typing.ts";
export { useUpload, type UseUpload } from "./use_upload.ts";
