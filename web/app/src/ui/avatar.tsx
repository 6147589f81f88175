import { useEffect, useState } from "preact/hooks";
import type { Profile, ShownStatus, UserId } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import { initials, tint } from "../format.ts";
import { pictureUrl } from "../picture_url.ts";

const TINTS = 8;

interface AvatarProps {
  user: UserId;
  name: string;
  size?: "medium" | "large";
}

/** A person's picture. Shows the person's initials while the picture is loading, and if there is none. */
export function Avatar({ user, name, size = "medium" }: AvatarProps) {
  const url = pictureUrl(useProfile(user)?.picture, location.origin);
  const [loaded, setLoaded] = useState<string | null>(null);
  return (
    <span class={`avatar avatar-${size} tint-${tint(user, TINTS)}`} aria-hidden="true">
      {initials(name)}
      {url !== null && (
        <img
          key={url}
          src={url}
          alt=""
          loading="lazy"
          decoding="async"
          referrerpolicy="no-referrer"
          draggable={false}
          data-loaded={loaded === url}
          onLoad={() => setLoaded(url)}
        />
      )}
    </span>
  );
}

/** Return the known profile of a person, and request it. */
export function useProfile(user: UserId): Profile | undefined {
  const { profiles } = useApp();
  const [profile, setProfile] = useState(() => profiles.of(user));
  useEffect(() => {
    const update = () => setProfile(profiles.of(user));
    update();
    profiles.want(user);
    return profiles.subscribe(update);
  }, [profiles, user]);
  return profile;
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
