/** Reactions on offer: a few at once, the rest behind a button. Any other emoji that arrives is shown too. */

export const QUICK_EMOJI = ["👍", "❤️", "😂"] as const;

export const MORE_EMOJI = [
  "🎉",
  "😊",
  "😮",
  "😢",
  "🙏",
  "👏",
  "🔥",
  "👀",
  "✅",
  "❌",
  "💯",
  "🤔",
  "🙌",
  "😍",
  "😅",
  "👎",
] as const;
