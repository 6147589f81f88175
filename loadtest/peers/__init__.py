"""The servers that the benchmark compares: one module per kind (see `interface`), and their server programs.

The likely alternatives to Roomcast are in `loadtest.rivals`, except Node.

Programs: `server.js` (Node.js), `stock_server.py` (stock python-socketio), `nchan.conf`: started, never imported.
"""
