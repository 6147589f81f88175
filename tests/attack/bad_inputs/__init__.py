"""Inputs that no good client sends, against the gateways of a whole cluster: directly, and through nginx."""
