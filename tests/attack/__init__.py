"""Attacks by clients without rights on a real gateway: bounded in time and size, on loopback only."""
