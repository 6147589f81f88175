"""What a gateway keeps in Redis, one module per concern."""
