"""Inputs that no correct client sends. The target is a whole cluster, reached directly and through nginx."""
