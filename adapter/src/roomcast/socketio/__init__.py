"""Run python-socketio on `roomcast.engineio`: packets, backpressure, and the server class."""
