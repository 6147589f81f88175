"""Real gateways, driven by real clients."""
