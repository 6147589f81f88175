"""HTTP: accepting connections, handshakes, long polling, and refusals."""
