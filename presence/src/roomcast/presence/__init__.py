"""The presence sweeper: end the presence that no gateway refreshes, and remove the connections of crashed gateways.

expiry    decides whether users may expire now, which gateways are dead, and when the next pass is due (pure)
store     reads and writes presence in Redis
sweeper   runs the loop that reads the store, calls `expiry`, and writes the decisions
metrics   counts and logs
config    reads environment variables     app    composes the process
"""
