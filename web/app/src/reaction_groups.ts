/** Group reactions by emoji without variation selectors: ❤ and ❤️ are one emoji. Pure. */

import type { Reaction, UserId } from "@roomcast/sdk";

export interface ReactionGroup {
  /** The emoji to show, in its colourful form. */
  emoji: string;
  users: readonly UserId[];
}

export interface ReactionChange {
  emoji: string;
  on: boolean;
}

const VARIATION_SELECTORS = /[\ufe0e\ufe0f]/g;
const EMOJI_SELECTOR = "\ufe0f";

/** Return the reactions grouped by emoji, in the order of their first arrival; each person counts once per emoji. */
export function groupReactions(reactions: readonly Reaction[]): ReactionGroup[] {
  const groups = new Map<string, Reaction[]>();
  for (const reaction of reactions) {
    const key = keyOf(reaction.emoji);
    groups.set(key, [...(groups.get(key) ?? []), reaction]);
  }
  return [...groups].map(([key, variants]) => ({
    emoji: shown(key, variants[0]!.emoji),
    users: [...new Set(variants.flatMap((variant) => variant.users))],
  }));
}

/**
 * Return the changes to send when `self` presses an emoji. If `self` has reacted with it, remove that reaction in each
 * form (with or without variation selector). Else add the reaction, in the form that other users have sent.
 */
export function toggled(reactions: readonly Reaction[], emoji: string, self: UserId): ReactionChange[] {
  const variants = reactions.filter((reaction) => keyOf(reaction.emoji) === keyOf(emoji));
  const mine = variants.filter((reaction) => reaction.users.includes(self));
  if (mine.length > 0) return mine.map((reaction) => ({ emoji: reaction.emoji, on: false }));
  return [{ emoji: variants[0]?.emoji ?? emoji, on: true }];
}

function keyOf(emoji: string): string {
  return emoji.replace(VARIATION_SELECTORS, "");
}

/** Add the emoji variation selector to a single character that fonts draw as text by default. */
function shown(key: string, emoji: string): string {
  return /^\p{Emoji}$/u.test(key) && !/\p{Emoji_Presentation}/u.test(key) ? key + EMOJI_SELECTOR : emoji;
}
