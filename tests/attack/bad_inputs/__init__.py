"""Inputs that no correct client sends, to the gateways of a whole cluster: directly, and through nginx."""
