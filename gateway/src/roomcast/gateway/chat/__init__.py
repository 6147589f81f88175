"""Handle the chat events: rooms, messages, edits, and the fast path of sends."""
