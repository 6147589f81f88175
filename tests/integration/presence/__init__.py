"""The sweeper and the presence store on real Redis."""
