import { useEffect } from "preact/hooks";
import type { RoomId } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { fileSize } from "../../format.ts";
import { useChanges, useLatest } from "../../shared_hooks.ts";
import { cleanName } from "../../safe_names.ts";
import type { UploadItem } from "../../upload_queue.ts";
import { Icon, IconButton } from "../icons.tsx";

/** Return a function that uploads files to a room, and shows a note with the files that cannot be sent. */
export function useFiles(room: RoomId): (files: Iterable<File>) => void {
  const { client, note, uploads } = useApp();
  const refusal = (file: File): string | null => {
    const limit = client.state.ready?.limits?.upload_bytes;
    if (limit && file.size > limit) return `${cleanName(file.name)} is too large: at most ${fileSize(limit)}.`;
    return file.size === 0 ? `${cleanName(file.name)} is empty.` : null;
  };
  return useLatest((files: Iterable<File>) => {
    for (const file of files) {
      const reason = refusal(file);
      if (reason === null) void uploads.add(room, file);
      else note(reason);
    }
  });
}

/** Ask before the page is closed while uploads are pending. */
export function useLeaveWarning(): void {
  const { uploads } = useApp();
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (uploads.busy) event.preventDefault();
    };
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [uploads]);
}

export function Uploads({ room }: { room: RoomId }) {
  const { uploads } = useApp();
  useChanges((listener) => uploads.subscribe(listener), [uploads]);
  const items = uploads.of(room);
  if (items.length === 0) return null;
  return (
    <ul class="uploads" aria-label="Files being sent">
      {items.map((item) => (
        <UploadRow key={item.key} item={item} />
      ))}
    </ul>
  );
}

function UploadRow({ item }: { item: UploadItem }) {
  const { uploads } = useApp();
  const { file, upload, previewUrl, key } = item;
  useChanges((listener) => upload.subscribe(listener), [upload]);
  const { phase } = upload.state;
  const failed = phase === "failed";
  const cancel = () => {
    uploads.cancel(key);
    focusComposer();
  };
  const retry = () => {
    uploads.retry(key);
    focusComposer();
  };
  return (
    <li class={failed ? "upload failed" : "upload"} data-testid="upload" data-phase={phase}>
      {previewUrl ? <img class="upload-thumb" src={previewUrl} alt="" /> : <Icon name="file" size={30} />}
      <div class="upload-text">
        <span class="upload-name">
          <bdi>{cleanName(file.name, "File")}</bdi>
        </span>
        <Progress item={item} />
      </div>
      {failed && <IconButton icon="retry" label="Try again" onClick={retry} data-testid="upload-retry" />}
      <IconButton icon="close" label={failed ? "Dismiss" : "Cancel"} onClick={cancel} data-testid="upload-cancel" />
    </li>
  );
}

function Progress({ item: { file, upload } }: { item: UploadItem }) {
  const { phase, sentBytes, totalBytes, error } = upload.state;
  if (phase === "failed" && error) {
    return (
      <span class="upload-error" role="alert">
        {explain(error)}
      </span>
    );
  }
  const isWhole = phase === "done" || phase === "checking";
  const percent = isWhole ? 100 : Math.floor((100 * sentBytes) / Math.max(1, totalBytes));
  const words: Record<string, string> = { signing: "Preparing…", checking: "Checking…" };
  return (
    <>
      <progress
        max={100}
        value={percent}
        data-testid="upload-progress"
        aria-label={`Sending ${cleanName(file.name)}`}
      />
      <span class="upload-note">{words[phase] ?? `${percent} % of ${fileSize(totalBytes)}`}</span>
    </>
  );
}

/** Move the focus to the composer, because the pressed button is about to be removed. */
function focusComposer(): void {
  document.querySelector<HTMLElement>("[data-testid=composer]")?.focus();
}
