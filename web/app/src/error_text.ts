/** Describe errors in sentences for people. Pure. */

import { RoomcastError } from "@roomcast/sdk";

/** Return an error as a sentence for people. The publish hook of an application writes its own (`detail`). */
export function explain(thrown: unknown): string {
  const error = RoomcastError.from(thrown);
  if (error.reason === "refused" && error.wire.detail) return error.wire.detail;
  return SENTENCES[error.reason] ?? `That did not work (${error.reason}).`;
}

const SENTENCES: Record<string, string> = {
  bad_request: "The server did not understand this.",
  too_large: "This is too long.",
  not_found: "It does not exist any more.",
  conflict: "It exists already, or has changed meanwhile.",
  unauthorized: "You are not signed in any more.",
  forbidden: "You may not do this here.",
  muted: "You are muted: you can read here, but not write at the moment.",
  banned: "You are banned, and cannot sign in until the ban ends.",
  revoked: "Your session was ended.",
  unavailable: "The server cannot be reached at the moment.",
  outcome_unknown: "The server did not answer in time.",
  refused: "This message is not allowed here.",
  rate_limited: "Too fast. Wait a moment and try again.",
  draining: "The server is restarting. Try again in a moment.",
  internal: "Something went wrong on the server.",
  too_many_rooms: "You are in as many rooms as allowed.",
  media_unavailable: "Files cannot be sent at the moment.",
  media_refused: "A file of this type or size is not allowed.",
  upload_incomplete: "The file did not arrive whole.",
  upload_mismatch: "The file is not what it claims to be.",
  upload_expired: "This took too long. Add the file again.",
};
