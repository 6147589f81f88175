/** Explain a failed connect that a browser may have forbidden because of the page's origin. Pure. */

/**
 * Return what to add to the error of a failed first connect, if the server may not allow the page's origin.
 *
 * A browser hides from a page why its request to another origin failed, so the hint names both possible causes.
 *
 * @param url where the client connects
 * @param page the page's own address; undefined outside browsers
 * @returns an empty string if the page's origin cannot be the cause
 */
export function originHint(url: string, page: { href: string; origin: string } | undefined): string {
  if (page === undefined || originOf(url, page.href) === page.origin) return "";
  return ` (the server is away, or its ROOMCAST_ALLOWED_ORIGINS does not name ${page.origin})`;
}

/** Return the origin of an address; an empty string for an invalid address. */
function originOf(url: string, base: string): string {
  try {
    return new URL(url, base).origin;
  } catch {
    return "";
  }
}
