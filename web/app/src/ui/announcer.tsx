import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ChatMessage } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import { summary } from "../format.ts";
import { isolated } from "../safe_names.ts";

/** Announce each new message of another user to screen readers, once. */
export function Announcer({ messages }: { messages: readonly ChatMessage[] }) {
  const { self } = useApp();
  const [text, setText] = useState("");
  const seen = useRef<number | null>(null);
  const last = messages.at(-1);
  useLayoutEffect(() => {
    const seq = last?.seq ?? null;
    if (seq === null || !last) return;
    if (seen.current !== null && seq > seen.current && last.user !== self.user) {
      setText(`${isolated(last.name)}: ${summary(last.text, last.media)}`);
    }
    seen.current = Math.max(seq, seen.current ?? 0);
  }, [last?.seq]);
  return (
    <div class="visually-hidden" aria-live="polite">
      {text}
    </div>
  );
}
