/**
 * Make display names safe to show next to other text. Pure.
 *
 * Users choose their names. A bidirectional control in a name (for example U+202E) would reverse the text after the
 * name. A right-to-left name would change the order of the words beside it (Unicode Standard Annex 9).
 */

/** Direction controls, other controls, line ends and zero-width characters, but not joiners, which emoji need. */
const UNWANTED = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const FIRST_STRONG_ISOLATE = "\u2068";
const POP_ISOLATE = "\u2069";

/** Return the name without UNWANTED characters; `fallback` if only white space is left. */
export function cleanName(name: string, fallback = "?"): string {
  return withoutControls(name).trim() || fallback;
}

/** Return a user's text on one line, without controls that would affect the text around it. */
export function withoutControls(text: string): string {
  return text.replace(UNWANTED, (character) => (/\s/.test(character) ? " " : ""));
}

/** Return the name for use in a plain string. A right-to-left name is isolated, so that other text keeps its order. */
export function isolated(name: string): string {
  const clean = cleanName(name);
  return RIGHT_TO_LEFT.test(clean) ? FIRST_STRONG_ISOLATE + clean + POP_ISOLATE : clean;
}
