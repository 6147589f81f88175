/** The size of a picture or video before it is sent, so that its place in the chat is known before its bytes. */

export interface PixelSize {
  width: number;
  height: number;
}

/** The largest box that the chat gives to a picture, and the box for one of unknown size; CSS pixels. */
export const MEDIA_BOX = { width: 380, height: 340, unknown: { width: 320, height: 240 } };

const METADATA_MS = 5000;

/** Return the pixels of an image or video file as shown (rotation applied); null where this browser cannot read it. */
export async function pixelSize(file: Blob): Promise<PixelSize | null> {
  const measure = file.type.startsWith("image/") ? imagePixels : file.type.startsWith("video/") ? videoPixels : null;
  if (!measure) return null;
  const url = URL.createObjectURL(file);
  try {
    const size = await measure(url);
    return size.width > 0 && size.height > 0 ? size : null;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function imagePixels(url: string): Promise<PixelSize> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
}

function videoPixels(url: string): Promise<PixelSize> {
  const video = document.createElement("video");
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no metadata in time")), METADATA_MS);
    video.onloadedmetadata = () => {
      clearTimeout(timer);
      resolve({ width: video.videoWidth, height: video.videoHeight });
    };
    video.onerror = () => {
      clearTimeout(timer);
      reject(new Error("not playable here"));
    };
    video.preload = "metadata";
    video.src = url;
  });
}

/** Return the box that a picture is shown in: its own size, or smaller to fit, in CSS pixels. */
export function fitted(size: PixelSize, maxWidth: number, maxHeight: number): PixelSize {
  const scale = Math.min(1, maxWidth / size.width, maxHeight / size.height);
  return { width: Math.max(1, Math.round(size.width * scale)), height: Math.max(1, Math.round(size.height * scale)) };
}
