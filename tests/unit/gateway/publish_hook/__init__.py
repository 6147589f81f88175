"""The before-publish hook."""
