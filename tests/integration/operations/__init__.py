"""Alert rules and benchmark programs."""
