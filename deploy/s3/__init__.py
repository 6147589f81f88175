"""The development object storage, and the guard in front of it."""
