import { cleanName } from "../safe_names.ts";

/** A display name that cannot change the direction or order of the text around it. */
export function DisplayName({ of: name, fallback }: { of: string; fallback?: string }) {
  return <bdi>{cleanName(name, fallback)}</bdi>;
}
