"""Let python-socketio run on our Engine.IO server: packets, sessions, and the server class."""
