"""The contract's Lua scripts and the back-end client, on a real Redis."""
