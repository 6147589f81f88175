"""The adapter and its Redis connections, on real Redis servers."""
