"""The faults: each function breaks something under load, heals it, and reports its own figures."""
