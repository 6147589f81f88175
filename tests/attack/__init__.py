"""Attacks on real gateways by clients without special rights. They use loopback only, and little time and memory."""
