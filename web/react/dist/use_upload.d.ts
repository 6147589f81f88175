import { type Media, type RoomId } from "@roomcast/sdk";
import type { UploadOptions, UploadState } from "@roomcast/sdk";
/** One upload at a time, as a form shows it. */
export interface UseUpload {
    /** The latest upload of this component; null before the first. */
    state: UploadState | null;
    /** Sign, send and confirm a file. Resolves with what `send` takes as `media`; rejects with a RoomcastError. */
    upload: (file: File, options?: UploadOptions) => Promise<Media>;
    /** Stop the latest upload; its promise rejects with an AbortError. */
    cancel: () => void;
}
/** Send files into a room, with progress. An upload goes on when its component goes; `cancel` stops it. */
export declare function useUpload(room: RoomId): UseUpload;
