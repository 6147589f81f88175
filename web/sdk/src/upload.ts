/** Upload a file: sign it over the socket, send it over HTTP, confirm it over the socket. */

import { RESEND } from "./connection/backoff.ts";
import type { Connection } from "./connection/connection.ts";
import { Emitter, type Undo } from "./emitter.ts";
import { RoomcastError } from "./errors.ts";
import type { RoomId } from "./protocol/ids.ts";
import type { Media, SignedUpload } from "./protocol/messages.ts";
import { abortReason, retrying } from "./connection/retry.ts";

/** The current step of an upload. */
export type UploadPhase = "signing" | "sending" | "checking" | "done" | "failed" | "cancelled";

/** The state of an upload; a new object after every change. */
export interface UploadState {
  phase: UploadPhase;
  sentBytes: number;
  totalBytes: number;
  error: RoomcastError | null;
  media: Media | null;
}

/** Sends a file's bytes to the storage; rejects with `unavailable` when another try may help. */
export type FileTransport = (
  signed: SignedUpload,
  file: Blob,
  onProgress: (sentBytes: number) => void,
  signal: AbortSignal,
) => Promise<void>;

/** The name and pixel size of a file. The server accepts this size, but publishes the size in the file's bytes. */
export interface UploadOptions {
  /** The width of an image or video as shown, in pixels. */
  width?: number;
  /** The height of an image or video as shown, in pixels. */
  height?: number;
  /** The name to show; default `file.name`. */
  name?: string;
}

/** What an upload needs from its client. */
export interface UploadContext {
  connection: Connection;
  transport: FileTransport;
  /** Aborted when the client closes. */
  closing: AbortSignal;
}

const SEND_ATTEMPTS = 3;
const CHECK_ATTEMPTS = 5;

/** One file that is being uploaded. `Room.send` takes the result of `done` as `media`. */
export class Upload {
  readonly #connection: Connection;
  readonly #transport: FileTransport;
  readonly #abort = new AbortController();
  readonly #changed = new Emitter<UploadState>();
  #state: UploadState;
  /** Resolves with the verified upload; rejects with a RoomcastError, or an AbortError after `cancel`. */
  readonly done: Promise<Media>;

  /** @internal Use `Client.upload`. */
  constructor(
    { connection, transport, closing }: UploadContext,
    room: RoomId,
    file: File,
    options: UploadOptions = {},
  ) {
    this.#connection = connection;
    this.#transport = transport;
    if (closing.aborted) this.#abort.abort();
    closing.addEventListener("abort", () => this.cancel(), { once: true });
    this.#state = { phase: "signing", sentBytes: 0, totalBytes: file.size, error: null, media: null };
    this.done = this.#run(room, file, options);
    // A caller that uses only `state` need not catch this error.
    this.done.catch(() => {});
  }

  /** The phase and progress of the upload. */
  get state(): UploadState {
    return this.#state;
  }

  /** Call `listener` after every change, until the returned function is called. */
  subscribe(listener: (state: UploadState) => void): Undo {
    return this.#changed.subscribe(listener);
  }

  /** Stop; does nothing once the upload is done or has failed. */
  cancel(): void {
    if (this.#state.phase === "done" || this.#state.phase === "failed") return;
    this.#abort.abort();
    this.#show({ phase: "cancelled" });
  }

  async #run(room: RoomId, file: File, options: UploadOptions): Promise<Media> {
    try {
      const { name = file.name || "image", ...size } = options;
      const request = { room, name, type: file.type || "application/octet-stream", size: file.size, ...size };
      const signed = await this.#retrying(SEND_ATTEMPTS, () => this.#connection.call("media:sign", request));
      this.#show({ phase: "sending" });
      await this.#retrying(SEND_ATTEMPTS, () => this.#sendBytes(signed, file));
      this.#show({ phase: "checking", sentBytes: file.size });
      const check = () => this.#connection.call("media:complete", { upload: signed.upload });
      const { media } = await this.#retrying(CHECK_ATTEMPTS, check);
      this.#show({ phase: "done", media });
      return media;
    } catch (thrown) {
      if (this.#abort.signal.aborted) throw abortReason(this.#abort.signal);
      const error = RoomcastError.from(thrown);
      this.#show({ phase: "failed", error });
      throw error;
    }
  }

  #sendBytes(signed: SignedUpload, file: File): Promise<void> {
    return this.#transport(signed, file, (sentBytes) => this.#show({ sentBytes }), this.#abort.signal);
  }

  #retrying<T>(attempts: number, work: () => Promise<T>): Promise<T> {
    return retrying(work, attempts, RESEND, this.#abort.signal);
  }

  #show(part: Partial<UploadState>): void {
    if (this.#state.phase === "cancelled") return;
    this.#state = { ...this.#state, ...part };
    this.#changed.emit(this.#state);
  }
}

/** Send a file by XMLHttpRequest, because `fetch` reports no upload progress. */
export const xhrTransport: FileTransport = (signed, file, onProgress, signal) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(signed.method, signed.url);
    for (const [name, value] of Object.entries(signed.headers ?? {})) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => onProgress(Math.min(event.loaded, file.size));
    request.onload = () => (request.status < 300 ? resolve() : reject(storageError(request.status)));
    request.onerror = () => reject(RoomcastError.of("unavailable", "the file storage cannot be reached"));
    request.onabort = () => reject(abortReason(signal));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(bodyOf(signed, file));
  });

/** Send a file by `fetch`, where there is no XMLHttpRequest: in Node. Progress is reported only at the end. */
export const fetchTransport: FileTransport = async (signed, file, onProgress, signal) => {
  const request = { method: signed.method, headers: signed.headers ?? {}, body: bodyOf(signed, file), signal };
  const answer = await fetch(signed.url, request).catch(() => {
    throw signal.aborted ? abortReason(signal) : RoomcastError.of("unavailable", "the file storage cannot be reached");
  });
  await answer.body?.cancel();
  if (!answer.ok) throw storageError(answer.status);
  onProgress(file.size);
};

/** Return the transport for this platform. */
export const platformTransport = (): FileTransport =>
  typeof XMLHttpRequest === "undefined" ? fetchTransport : xhrTransport;

function bodyOf(signed: SignedUpload, file: Blob): Blob | FormData {
  if (signed.method === "PUT") return file;
  const form = new FormData();
  for (const [name, value] of Object.entries(signed.fields ?? {})) form.append(name, value);
  // The storage ignores every field after the file.
  form.append("file", file);
  return form;
}

function storageError(status: number): RoomcastError {
  const reason = status >= 500 || status === 429 ? "unavailable" : "media_refused";
  return RoomcastError.of(reason, `the file storage answered ${status}`);
}
