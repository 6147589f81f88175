"""Tests of the publish hook."""
