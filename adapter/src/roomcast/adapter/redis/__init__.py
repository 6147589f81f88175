"""Redis as the adapter uses it: commands and channels, at one server, behind Sentinels, or in a cluster."""
