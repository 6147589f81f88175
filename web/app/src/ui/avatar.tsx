import type { ShownStatus, UserId } from "@roomcast/sdk";
import { initials, tint } from "../format.ts";

const TINTS = 8;

export function Avatar({
  user,
  name,
  size = "medium",
}: {
  user: UserId;
  name: string;
  size?: "small" | "medium" | "large";
}) {
  return (
    <span class={`avatar avatar-${size} tint-${tint(user, TINTS)}`} aria-hidden="true">
      {initials(name)}
    </span>
  );
}

const STATUS_NAMES: Record<ShownStatus, string> = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };

export function PresenceDot({ status, user }: { status: ShownStatus; user?: UserId }) {
  return (
    <span
      class={`dot dot-${status}`}
      role="img"
      aria-label={STATUS_NAMES[status]}
      title={STATUS_NAMES[status]}
      data-testid="presence-dot"
      data-status={status}
      data-user={user}
    />
  );
}
