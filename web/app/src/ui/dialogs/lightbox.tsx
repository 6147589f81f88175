import { useRef } from "preact/hooks";
import type { Media } from "@roomcast/sdk";
import { fileSize } from "../../format.ts";
import { withoutControls } from "../../safe_names.ts";
import { IconButton } from "../icons.tsx";
import { useModal } from "../use_modal.ts";

/** An image as large as the window allows. Escape, or a click anywhere, closes it. */
export function Lightbox({ url, media, onClose }: { url: string; media: Media; onClose: () => void }) {
  const element = useRef<HTMLDialogElement>(null);
  useModal(element, () => true);
  const pixels = media.width && media.height ? `${media.width} × ${media.height}, ` : "";
  return (
    <dialog ref={element} class="lightbox" aria-label={media.name} onClose={onClose} data-testid="lightbox">
      <img src={url} alt={media.name} />
      <p>
        <bdi>{withoutControls(media.name)}</bdi> <span>{pixels + fileSize(media.size)}</span>
      </p>
      <IconButton icon="close" label="Close" onClick={onClose} />
    </dialog>
  );
}
