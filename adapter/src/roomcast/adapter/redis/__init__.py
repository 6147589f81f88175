"""Commands and channels of Redis for the adapter: on one server, behind Sentinels, or in a cluster."""
