/** Estimate the height of a row that was not measured yet, so that the scroll bar does not jump. Pure. */

import type { Media } from "@roomcast/sdk";
import { mediaKind } from "../../format.ts";
import { fitted, MEDIA_BOX } from "../../image_size.ts";
import type { Row } from "../../timeline_rows.ts";

const LINE_PX = 22;
const LINE_CHARACTERS = 55;
const SEPARATOR_PX = 52;
const BUBBLE_PX = 19;
const AUTHOR_PX = 30;
const REACTIONS_PX = 32;
const CARD_PX = 62;

export function estimateHeight(row: Row): number {
  const { text = "", media, reactions } = row.message;
  const lines = text === "" ? 0 : text.split("\n").length + Math.floor(text.length / LINE_CHARACTERS);
  const separators = (row.day !== null ? SEPARATOR_PX : 0) + (row.unread ? SEPARATOR_PX : 0);
  const extra = separators + (row.first ? AUTHOR_PX : 0) + (reactions.length > 0 ? REACTIONS_PX : 0);
  return BUBBLE_PX + lines * LINE_PX + (media ? mediaHeight(media) : 0) + extra;
}

function mediaHeight(media: Media): number {
  const kind = mediaKind(media);
  if (kind === "file" || kind === "audio") return CARD_PX;
  const { width, height } = media;
  const size = width && height ? { width, height } : MEDIA_BOX.unknown;
  return fitted(size, MEDIA_BOX.width, MEDIA_BOX.height).height;
}
