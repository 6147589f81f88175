"""The Lua scripts on real Redis."""
