/** Measure a picture before it is sent, so that other pages can reserve its place before they load the picture. */

export interface PixelSize {
  width: number;
  height: number;
}

/** The size of the largest picture in the chat, and of a picture whose size is unknown, in CSS pixels. */
export const MEDIA_BOX = { width: 380, height: 340, unknown: { width: 320, height: 240 } };

/** Return the size of an image file in pixels, after rotation; null if this browser cannot decode the file. */
export async function imageSize(file: Blob): Promise<PixelSize | null> {
  if (!file.type.startsWith("image/")) return null;
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    return image.naturalWidth ? { width: image.naturalWidth, height: image.naturalHeight } : null;
  } catch {
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Return the size at which to show a picture, in CSS pixels: its own size, reduced if it exceeds a maximum. */
export function fitted(size: PixelSize, maxWidth: number, maxHeight: number): PixelSize {
  const scale = Math.min(1, maxWidth / size.width, maxHeight / size.height);
  return { width: Math.max(1, Math.round(size.width * scale)), height: Math.max(1, Math.round(size.height * scale)) };
}
