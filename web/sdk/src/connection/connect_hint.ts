/** Explain a failed connect: the browser may have forbidden it, or the address may be wrong. Pure. */

/**
 * Return the text to add to the error of a failed first connect.
 *
 * A browser hides from a page why its request to another origin failed, so the hint names both possible causes. Outside
 * browsers, socket.io-client treats an address without a scheme as an https address.
 *
 * @param url where the client connects
 * @param page the page's own address; undefined outside browsers
 * @returns an empty string if neither the page's origin nor a missing scheme can be the cause
 */
export function connectHint(url: string, page: { href: string; origin: string } | undefined): string {
  if (page === undefined)
    return /^(http|ws)s?:\/\//.test(url) ? "" : " (`url` does not begin with http:// or https://)";
  if (originOf(url, page.href) === page.origin) return "";
  return ` (the server does not answer, or its ROOMCAST_ALLOWED_ORIGINS does not name ${page.origin})`;
}

/** Return the origin of an address; an empty string for an invalid address. */
function originOf(url: string, base: string): string {
  try {
    return new URL(url, base).origin;
  } catch {
    return "";
  }
}
