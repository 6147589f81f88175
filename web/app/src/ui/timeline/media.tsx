import { useState } from "preact/hooks";
import type { Media } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { fileSize, mediaKind } from "../../format.ts";
import { fitted, MEDIA_BOX, type PixelSize } from "../../image_size.ts";
import { withoutControls } from "../../safe_names.ts";
import { Icon, IconButton } from "../icons.tsx";
import { Lightbox } from "../dialogs/lightbox.tsx";

/** A file in the chat: a picture, a player, or a card. */
export function MediaView({ media }: { media: Media }) {
  const kind = mediaKind(media);
  const View = VIEWS[kind];
  // The bubble takes its direction from the first text in it. With `dir` here, file names do not count as that text.
  return (
    <div class={`media media-${kind}`} dir="ltr">
      <View media={media} />
    </div>
  );
}

/** An image. Its box has the final size before the image has loaded, so that no row moves. */
function MediaImage({ media }: { media: Media }) {
  const [url, retry, isBroken] = useMediaUrl(media);
  const [loaded, setLoaded] = useState(false);
  const [open, setOpen] = useState(false);
  const size = pixelsOf(media);
  const name = withoutControls(media.name);
  return (
    <>
      <button
        type="button"
        class={loaded ? "image loaded" : "image"}
        style={boxOf(size, 96)}
        onClick={() => setOpen(true)}
        aria-label={`Enlarge ${name}`}
      >
        {isBroken ? (
          <span class="image-broken">
            <Icon name="image" size={26} /> Not available
          </span>
        ) : (
          <img
            src={url}
            alt={name}
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

/** A video. If the message has no size, the box takes the video's size once its first bytes have arrived. */
function MediaVideo({ media }: { media: Media }) {
  const [url, retry, isBroken] = useMediaUrl(media);
  const [size, setSize] = useState<PixelSize>(pixelsOf(media));
  const learn = ({ currentTarget: { videoWidth, videoHeight } }: { currentTarget: HTMLVideoElement }) => {
    if (videoWidth && videoHeight) setSize({ width: videoWidth, height: videoHeight });
  };
  if (isBroken) return <FileCard media={media} />;
  return (
    // biome-ignore lint/a11y/useMediaCaption: a file that a user sends comes without captions
    <video
      class="video"
      style={boxOf(size, 240)}
      src={url}
      controls
      playsInline
      preload="metadata"
      onLoadedMetadata={learn}
      onError={retry}
      aria-label={withoutControls(media.name)}
      data-testid="media-video"
    />
  );
}

function MediaAudio({ media }: { media: Media }) {
  const [url, retry, isBroken] = useMediaUrl(media);
  if (isBroken) return <FileCard media={media} />;
  return (
    <div class="audio">
      {/* biome-ignore lint/a11y/useMediaCaption: a file that a user sends comes without captions */}
      <audio
        src={url}
        controls
        preload="metadata"
        onError={retry}
        aria-label={withoutControls(media.name)}
        data-testid="media-audio"
      />
      <FileCard media={media} />
    </div>
  );
}

function FileCard({ media }: { media: Media }) {
  const { client } = useApp();
  const name = withoutControls(media.name);
  const open = async () => {
    const fresh = await client.call("media:url", { upload: media.upload }).catch(() => null);
    const url = safeUrl(fresh?.url ?? media.url);
    if (url) window.open(url, "_blank", "noopener");
  };
  return (
    <div class="file">
      <Icon name="file" size={26} />
      <span class="file-text">
        <b>
          <bdi>{name}</bdi>
        </b>
        <small>{fileSize(media.size)}</small>
      </span>
      <IconButton icon="down" label={`Open ${name}`} onClick={() => void open()} />
    </div>
  );
}

const VIEWS = { image: MediaImage, video: MediaVideo, audio: MediaAudio, file: FileCard };

function pixelsOf({ width, height }: Media): PixelSize {
  return width && height ? { width, height } : MEDIA_BOX.unknown;
}

/** Return the style of a picture's box, which is at least `minWidth` CSS pixels wide. */
function boxOf(size: PixelSize, minWidth: number) {
  const box = fitted(size, MEDIA_BOX.width, MEDIA_BOX.height);
  const width = Math.max(box.width, minWidth);
  return { width: `${width}px`, aspectRatio: `${width} / ${Math.max(box.height, 48)}` };
}

/** Return the address of a file. After a load error, request a fresh address from the server, once. */
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

/** Return the address if it is http or https, so that a browser does not run it as it runs `javascript:`; else null. */
function safeUrl(text: string): string | null {
  const url = URL.canParse(text, location.href) ? new URL(text, location.href) : null;
  return url && (url.protocol === "https:" || url.protocol === "http:") ? url.href : null;
}
