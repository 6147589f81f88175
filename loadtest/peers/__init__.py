"""The servers that the benchmark compares: one module per kind (see `interface`), and their server programs.

`loadtest.rivals` has the likely alternatives to Roomcast, except Node, which is here.

The programs are started, never imported: `server.js` (Node.js), `stock_server.py` (stock python-socketio). nginx runs
with `nchan.conf` as a server, and with `proxy.conf` in front of servers.
"""
