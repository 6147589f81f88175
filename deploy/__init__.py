"""Everything that installs, starts and supervises a cluster."""
