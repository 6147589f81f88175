/**
 * Roomcast for React: `<RoomcastProvider>`, then a hook per concern.
 *
 * @packageDocumentation
 */
export { RoomcastProvider, useClient, type RoomcastProviderProps } from "./provider.js";
export { useConnection, type UseConnection } from "./use_connection.js";
export { useMessages, type MessageActions, type UseMessages } from "./use_messages.js";
export { usePresence, type UsePresence } from "./use_presence.js";
export { useRoom, type UseRoom } from "./use_room.js";
export { useTyping, type UseTyping } from "./use_typing.js";
export { useUpload, type UseUpload } from "./use_upload.js";
