"""The servers the benchmark compares: one module per kind, all of the one role in `role`, and their server programs.

Those that people would pick instead of Roomcast are in `loadtest.rivals`, except Node.

Programs: `server.js` (Node.js), `stock_server.py` (python-socketio as it comes), `nchan.conf`: started, never imported.
"""
