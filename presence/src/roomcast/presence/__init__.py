"""The presence sweeper: it ends presences that nobody refreshes, and cleans up after gateways that died.

state     pure: may anybody expire now, which gateways are dead, when is the next pass
store     Redis
sweeper   the loop that feeds the one to the other
observe   metrics and log lines
config    environment variables     app    puts it together
"""
