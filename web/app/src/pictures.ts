/** Pictures of people. Their addresses come from tokens and back ends, and nothing is believed of them. Pure. */

/** Return the address of a picture that may be loaded: https, or the page's own origin; null for every other one. */
export function pictureUrl(picture: string | undefined, pageOrigin: string): string | null {
  if (!picture || !URL.canParse(picture)) return null;
  const { protocol, origin, username, password, href } = new URL(picture);
  const isAllowed = protocol === "https:" || (protocol === "http:" && origin === pageOrigin);
  return isAllowed && !username && !password ? href : null;
}
