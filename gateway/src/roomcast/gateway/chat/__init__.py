"""Handle the events of signed-in clients: rooms, messages, moderation, profiles and custom events."""
