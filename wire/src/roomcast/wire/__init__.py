"""Share what the adapter and the chat both need: room packets, channels, Redis URLs, session ids, tasks."""
