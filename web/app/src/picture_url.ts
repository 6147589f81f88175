/** Check the addresses of people's pictures. They come from tokens and back ends, and are not trusted. Pure. */

/** Return the address if the page may load it: https, or http at the page's own origin; else null. */
export function pictureUrl(picture: string | undefined, pageOrigin: string): string | null {
  if (!picture || !URL.canParse(picture)) return null;
  const { protocol, origin, username, password, href } = new URL(picture);
  const isAllowed = protocol === "https:" || (protocol === "http:" && origin === pageOrigin);
  return isAllowed && !username && !password ? href : null;
}
