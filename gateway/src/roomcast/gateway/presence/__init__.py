"""Keep presence and occupancy: who is online, who is in which room, and what changed."""
