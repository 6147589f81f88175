import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Room, Upload } from "@roomcast/sdk";
import { explain, useApp } from "../app.ts";
import { fileSize } from "../format.ts";
import { useChanges, useLatest } from "../hooks.ts";
import { imageSize } from "../images.ts";
import { Icon, IconButton } from "./icons.tsx";

export interface UploadItem {
  key: number;
  file: File;
  previewUrl: string | null;
  upload: Upload;
}

/** Files on their way into a room. Each becomes a message as soon as the server has confirmed it. */
export function useUploads(room: Room) {
  const { client, note } = useApp();
  const [items, setItems] = useState<UploadItem[]>([]);
  const count = useRef(0);

  const dismiss = useLatest((key: number) => {
    const item = items.find((one) => one.key === key);
    if (item?.previewUrl) URL.revokeObjectURL(item.previewUrl);
    setItems((now) => now.filter((one) => one.key !== key));
  });
  const start = async (file: File) => {
    const limit = client.state.ready?.limits?.upload_bytes;
    if (limit && file.size > limit) return note(`${file.name} is too large: at most ${fileSize(limit)}.`);
    if (file.size === 0) return note(`${file.name} is empty.`);
    const size = await imageSize(file);
    const upload = client.upload(room.id, file, size ?? {});
    const key = ++count.current;
    setItems((now) => [...now, { key, file, previewUrl: size ? URL.createObjectURL(file) : null, upload }]);
    try {
      const media = await upload.done;
      room.send({ media });
      dismiss(key);
    } catch {
      // A failure stays on show with its reason; a cancelled upload just goes.
      if (upload.state.phase === "cancelled") dismiss(key);
    }
  };
  const add = useLatest((files: Iterable<File>) => {
    for (const file of files) void start(file);
  });
  return { items, add, dismiss };
}

export function Uploads({ items, onDismiss }: { items: UploadItem[]; onDismiss: (key: number) => void }) {
  if (items.length === 0) return null;
  return (
    <ul class="uploads" aria-label="Files being sent">
      {items.map((item) => (
        <UploadRow key={item.key} item={item} onDismiss={() => onDismiss(item.key)} />
      ))}
    </ul>
  );
}

function UploadRow({ item, onDismiss }: { item: UploadItem; onDismiss: () => void }) {
  const { file, upload, previewUrl } = item;
  useChanges((listener) => upload.subscribe(listener), [upload]);
  const { phase, sentBytes, totalBytes, error } = upload.state;
  const failed = phase === "failed";
  const percent =
    phase === "done" || phase === "checking" ? 100 : Math.floor((100 * sentBytes) / Math.max(1, totalBytes));
  return (
    <li class={failed ? "upload failed" : "upload"} data-phase={phase}>
      {previewUrl ? <img class="upload-thumb" src={previewUrl} alt="" /> : <Icon name="file" size={30} />}
      <div class="upload-text">
        <span class="upload-name">{file.name || "Image"}</span>
        {failed && error ? (
          <span class="upload-error" role="alert">
            {explain(error)}
          </span>
        ) : (
          <>
            <progress max={100} value={percent} data-testid="upload-progress" aria-label={`Sending ${file.name}`} />
            <span class="upload-note">
              {phase === "signing"
                ? "Preparing…"
                : phase === "checking"
                  ? "Checking…"
                  : `${percent} % of ${fileSize(totalBytes)}`}
            </span>
          </>
        )}
      </div>
      <IconButton
        icon="close"
        label={failed ? "Dismiss" : "Cancel"}
        onClick={() => (failed ? onDismiss() : upload.cancel())}
        data-testid="upload-cancel"
      />
    </li>
  );
}

/** Takes files that are dropped anywhere on the room. */
export function DropZone({
  onFiles,
  children,
}: {
  onFiles: (files: Iterable<File>) => void;
  children: ComponentChildren;
}) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  const enter = (step: number) => (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth.current += step;
    setOver(depth.current > 0);
  };
  const drop = (event: DragEvent) => {
    depth.current = 0;
    setOver(false);
    if (!hasFiles(event)) return;
    event.preventDefault();
    onFiles(event.dataTransfer?.files ?? []);
  };
  // A file that misses the zone must not replace the page.
  useEffect(() => {
    const stop = (event: DragEvent) => event.preventDefault();
    window.addEventListener("dragover", stop);
    window.addEventListener("drop", stop);
    return () => {
      window.removeEventListener("dragover", stop);
      window.removeEventListener("drop", stop);
    };
  }, []);
  return (
    <div class="drop-zone" onDragEnter={enter(1)} onDragLeave={enter(-1)} onDrop={drop}>
      {children}
      {over && (
        <div class="drop-hint" aria-hidden="true">
          <Icon name="image" size={40} />
          Drop to send
        </div>
      )}
    </div>
  );
}
