import { useState } from "preact/hooks";
import type { Media } from "@roomcast/sdk";
import { useApp } from "../app.ts";
import { fileSize } from "../format.ts";
import { fitted } from "../images.ts";
import { Icon, IconButton } from "./icons.tsx";
import { Lightbox } from "./lightbox.tsx";

const MAX_WIDTH = 380;
const MAX_HEIGHT = 340;
const UNKNOWN = { width: 320, height: 240 };

/** An image in the chat. Its place is reserved from the first moment on, so that nothing jumps when it loads. */
export function MediaImage({ media }: { media: Media }) {
  const [url, retry, isBroken] = useMediaUrl(media);
  const [loaded, setLoaded] = useState(false);
  const [open, setOpen] = useState(false);
  const size = media.width && media.height ? { width: media.width, height: media.height } : UNKNOWN;
  const box = fitted(size, MAX_WIDTH, MAX_HEIGHT);
  return (
    <>
      <button
        type="button"
        class={loaded ? "image loaded" : "image"}
        style={{
          width: `${Math.max(box.width, 96)}px`,
          aspectRatio: `${Math.max(box.width, 96)} / ${Math.max(box.height, 48)}`,
        }}
        onClick={() => setOpen(true)}
        aria-label={`Enlarge ${media.name}`}
      >
        {isBroken ? (
          <span class="image-broken">
            <Icon name="image" size={26} /> Not available
          </span>
        ) : (
          <img
            src={url}
            alt={media.name}
            width={size.width}
            height={size.height}
            decoding="async"
            draggable={false}
            onLoad={() => setLoaded(true)}
            onError={retry}
            data-testid="media-image"
            data-loaded={loaded}
          />
        )}
      </button>
      {open && !isBroken && <Lightbox url={url} media={media} onClose={() => setOpen(false)} />}
    </>
  );
}

export function FileCard({ media }: { media: Media }) {
  const { client } = useApp();
  const open = async () => {
    const fresh = await client.call("media:url", { upload: media.upload }).catch(() => null);
    const url = safeUrl(fresh?.url ?? media.url);
    if (url) window.open(url, "_blank", "noopener");
  };
  return (
    <div class="file">
      <Icon name="file" size={26} />
      <span class="file-text">
        <b>{media.name}</b>
        <small>{fileSize(media.size)}</small>
      </span>
      <IconButton icon="down" label={`Open ${media.name}`} onClick={() => void open()} />
    </div>
  );
}

/** The address of a file; when it has expired, a fresh one is asked for, once. */
function useMediaUrl(media: Media): [url: string, retry: () => void, isBroken: boolean] {
  const { client } = useApp();
  const [url, setUrl] = useState(safeUrl(media.url));
  const [tries, setTries] = useState(0);
  const retry = () => {
    setTries(tries + 1);
    if (tries > 0) return;
    client
      .call("media:url", { upload: media.upload })
      .then((fresh) => setUrl(safeUrl(fresh.url)))
      .catch(() => setTries(2));
  };
  return [url ?? "", retry, url === null || tries > 1];
}

/** Only addresses that a browser fetches; nothing that it runs. */
function safeUrl(text: string): string | null {
  const url = URL.canParse(text, location.href) ? new URL(text, location.href) : null;
  return url && (url.protocol === "https:" || url.protocol === "http:") ? url.href : null;
}
