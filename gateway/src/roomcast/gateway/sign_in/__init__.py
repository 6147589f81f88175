"""Sign clients in: tokens, sessions, their expiry and revocation, and the limit on events."""
