"""The gateway process: sockets, rooms, fan-out and recovery."""
