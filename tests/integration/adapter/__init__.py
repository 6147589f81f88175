"""The adapter on real Redis servers."""
