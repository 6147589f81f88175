/** Keep the uploads of all rooms. They continue while another room is shown. A failed upload stays for a retry. */

import type { Client, Media, RoomId, Undo, Upload } from "@roomcast/sdk";
import { imageSize, type PixelSize } from "./image_size.ts";

export interface UploadItem {
  key: number;
  room: RoomId;
  file: File;
  /** An object URL of a picture to show beside the progress. */
  previewUrl: string | null;
  size: PixelSize | null;
  /** The latest try. A retry replaces it. */
  upload: Upload;
}

export class UploadQueue {
  readonly #client: Client;
  readonly #listeners = new Set<() => void>();
  #items: readonly UploadItem[] = [];
  #count = 0;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Return the uploads of a room that are pending or have failed, the oldest first. */
  of(room: RoomId): readonly UploadItem[] {
    return this.#items.filter((item) => item.room === room);
  }

  /** Whether closing the page would lose files. Failed uploads count, because a retry can still send them. */
  get busy(): boolean {
    return this.#items.length > 0;
  }

  subscribe(listener: () => void): Undo {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Upload a file, and send it as a message to the room once the server has confirmed it. */
  async add(room: RoomId, file: File): Promise<void> {
    const size = await imageSize(file);
    const previewUrl = size ? URL.createObjectURL(file) : null;
    const upload = this.#start(room, file, size);
    const item = { key: ++this.#count, room, file, previewUrl, size, upload };
    this.#set([...this.#items, item]);
    this.#follow(item);
  }

  retry(key: number): void {
    const item = this.#find(key);
    if (item?.upload.state.phase !== "failed") return;
    const next = { ...item, upload: this.#start(item.room, item.file, item.size) };
    this.#set(this.#items.map((one) => (one.key === key ? next : one)));
    this.#follow(next);
  }

  /** Cancel an upload, or remove a failed one. */
  cancel(key: number): void {
    this.#find(key)?.upload.cancel();
    this.#drop(key);
  }

  stop(): void {
    for (const { key } of this.#items) this.cancel(key);
  }

  #start(room: RoomId, file: File, size: PixelSize | null): Upload {
    return this.#client.upload(room, file, size ?? {});
  }

  #follow({ key, room, upload }: UploadItem): void {
    const sent = (media: Media) => {
      if (!this.#find(key)) return;
      this.#client.room(room).send({ media });
      this.#drop(key);
    };
    // A failed upload stays in the list, which shows the reason.
    upload.done.then(sent, () => this.#emit());
  }

  #drop(key: number): void {
    const item = this.#find(key);
    if (item?.previewUrl) URL.revokeObjectURL(item.previewUrl);
    this.#set(this.#items.filter((one) => one.key !== key));
  }

  #find(key: number): UploadItem | undefined {
    return this.#items.find((item) => item.key === key);
  }

  #set(items: readonly UploadItem[]): void {
    this.#items = items;
    this.#emit();
  }

  #emit(): void {
    for (const listener of this.#listeners) listener();
  }
}
