import { useEffect, useRef } from "preact/hooks";
import type { Media } from "@roomcast/sdk";
import { fileSize } from "../format.ts";
import { IconButton } from "./icons.tsx";

/** An image as large as the window allows. Escape, or a click anywhere, closes it. */
export function Lightbox({ url, media, onClose }: { url: string; media: Media; onClose: () => void }) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
    return () => element.current?.close();
  }, []);
  const pixels = media.width && media.height ? `${media.width} × ${media.height}, ` : "";
  return (
    <dialog
      ref={element}
      class="lightbox"
      aria-label={media.name}
      onClose={onClose}
      onClick={onClose}
      data-testid="lightbox"
    >
      <img src={url} alt={media.name} />
      <p>
        {media.name} <span>{pixels + fileSize(media.size)}</span>
      </p>
      <IconButton icon="close" label="Close" onClick={onClose} />
    </dialog>
  );
}
