"""The gateway's data in Redis, one module per concern."""
