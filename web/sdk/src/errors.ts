/** Define the error codes of the protocol, and the one error class that the SDK throws. */

/** The error codes by reason. They are stable and never reused; a test compares them with the Python contract. */
export const CODES = {
  bad_request: { code: 100, retryable: false },
  unknown_event: { code: 101, retryable: false },
  too_large: { code: 102, retryable: false },
  not_found: { code: 103, retryable: false },
  conflict: { code: 104, retryable: false },
  unauthorized: { code: 200, retryable: false },
  forbidden: { code: 201, retryable: false },
  revoked: { code: 202, retryable: false },
  muted: { code: 203, retryable: false },
  banned: { code: 204, retryable: false },
  refused: { code: 205, retryable: false },
  unavailable: { code: 300, retryable: true },
  outcome_unknown: { code: 301, retryable: true },
  rate_limited: { code: 302, retryable: true },
  draining: { code: 303, retryable: true },
  internal: { code: 304, retryable: true },
  too_many_rooms: { code: 305, retryable: false },
  media_unavailable: { code: 400, retryable: true },
  media_refused: { code: 401, retryable: false },
  upload_incomplete: { code: 402, retryable: true },
  upload_mismatch: { code: 403, retryable: false },
  upload_expired: { code: 404, retryable: false },
} as const;

/** The name of an error. */
export type Reason = keyof typeof CODES;

/** An error as a gateway sends it. */
export interface WireError {
  code: number;
  reason: string;
  retryable: boolean;
  detail?: string;
  /** Seconds to wait before another try. */
  retry_after?: number;
  /** With `refused`: the application's own code for the reason, from its publish hook. */
  app_code?: string;
}

/** An error that a gateway has sent, or that the SDK itself has made, for example because no answer came. */
export class RoomcastError extends Error {
  override readonly name = "RoomcastError";
  /** The error as it was received. */
  readonly wire: WireError;

  constructor(wire: WireError) {
    super(wire.detail ? `${wire.reason}: ${wire.detail}` : wire.reason);
    this.wire = wire;
  }

  /** The number of the error. */
  get code(): number {
    return this.wire.code;
  }

  /** The name of the error, one of `Reason`; a newer gateway may send others. */
  get reason(): string {
    return this.wire.reason;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return this.wire.retryable;
  }

  /** With `refused`: the application's own code for the reason; else empty. */
  get appCode(): string {
    return this.wire.app_code ?? "";
  }

  /** Milliseconds to wait before another try, as the server asks; 0 if it names no time. */
  get retryAfterMs(): number {
    return (this.wire.retry_after ?? 0) * 1000;
  }

  /** Make an error of the SDK itself, with a code of the protocol. */
  static of(reason: Reason, detail?: string): RoomcastError {
    return new RoomcastError({ ...CODES[reason], reason, ...(detail ? { detail } : {}) });
  }

  /** Return any thrown or received value as a RoomcastError; an unknown value becomes `internal`. */
  static from(thrown: unknown): RoomcastError {
    if (thrown instanceof RoomcastError) return thrown;
    if (isWireError(thrown)) return new RoomcastError(thrown);
    return RoomcastError.of("internal", thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** Return whether a value has the form of an error on the wire. */
export function isWireError(value: unknown): value is WireError {
  if (typeof value !== "object" || value === null) return false;
  const { code, reason, retryable } = value as Partial<WireError>;
  return typeof code === "number" && typeof reason === "string" && typeof retryable === "boolean";
}
