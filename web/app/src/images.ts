/** An image's size before it is sent, so that its place in the chat is known before its bytes. */

export interface PixelSize {
  width: number;
  height: number;
}

/** The pixels of an image file as shown (rotation applied); null when it is no image that this browser reads. */
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

/** The box an image is shown in: its own size, or smaller to fit, in CSS pixels. Pure. */
export function fitted(size: PixelSize, maxWidth: number, maxHeight: number): PixelSize {
  const scale = Math.min(1, maxWidth / size.width, maxHeight / size.height);
  return { width: Math.max(1, Math.round(size.width * scale)), height: Math.max(1, Math.round(size.height * scale)) };
}
