"""Install, start and supervise a cluster on one machine."""
