"""Real gateways, tested by real clients."""
