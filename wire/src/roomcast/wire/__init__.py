"""Names and formats that the adapter and the chat share: room packets, channels, Redis URLs, session ids, tasks."""
