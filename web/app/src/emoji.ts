/** The reactions that the page offers: a few directly, the others behind a button. It shows any received emoji. */

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
