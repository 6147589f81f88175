import { useCallback, useMemo, useState } from "react";
import { RoomcastError, type Media, type RoomId, type Upload } from "@roomcast/sdk";
import type { UploadOptions, UploadState } from "@roomcast/sdk";
import { useClient } from "./provider.ts";
import { useSelection } from "./use_selection.ts";

/** The latest upload of a component, and functions to start and cancel uploads. */
export interface UseUpload {
  /** The latest upload of this component; null before the first. */
  state: UploadState | null;
  /** Sign, send and confirm a file. Resolves with the `media` for `send`; rejects with a RoomcastError. */
  upload: (file: File, options?: UploadOptions) => Promise<Media>;
  /** Stop the latest upload; its promise rejects with an AbortError. */
  cancel: () => void;
}

const NONE: { state: UploadState | null } = { state: null };

/** Send files into a room, with progress. An upload continues after its component is unmounted; `cancel` stops it. */
export function useUpload(room: RoomId): UseUpload {
  const client = useClient();
  const [current, setCurrent] = useState<Upload | null>(null);
  const { state } = useSelection(current, shownOf, NONE);
  const upload = useCallback(
    async (file: File, options?: UploadOptions) => {
      if (client === null) throw RoomcastError.of("unavailable", "the provider has not connected yet");
      const started = client.upload(room, file, options);
      setCurrent(started);
      return started.done;
    },
    [client, room],
  );
  return useMemo(() => ({ state, upload, cancel: () => current?.cancel() }), [state, upload, current]);
}

function shownOf({ state }: Upload): { state: UploadState | null } {
  return { state };
}
