"""End presences that no gateway refreshes, and clean up after gateways that died: the presence sweeper.

expiry    decides which users may expire now, which gateways are dead, and when the next pass is due (pure)
store     reads and writes presence in Redis
sweeper   runs the loop that reads the store, asks `expiry`, and writes the decisions
observe   counts and logs
config    reads environment variables     app    composes the process
"""
