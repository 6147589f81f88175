"""What a stranger on the network may try, against a real gateway: bounded in time and size, on loopback only."""
