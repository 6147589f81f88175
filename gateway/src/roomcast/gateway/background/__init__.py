"""Do work beside the events of clients: in slices that leave time for other work, and repeated until Redis answers."""
