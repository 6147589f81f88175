import { useApp } from "../../app_context.ts";
import { typingText } from "../../format.ts";
import { isolated } from "../../safe_names.ts";

export function TypingLine({ users }: { users: readonly string[] }) {
  const { rooms } = useApp();
  if (users.length === 0) return <div class="typing-space" />;
  return (
    <div class="typing" data-testid="typing">
      <span class="typing-dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {typingText(users.map((user) => isolated(rooms.nameOf(user))))}
    </div>
  );
}
