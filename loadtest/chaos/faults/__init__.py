"""The rows of the fault table: each function breaks something under load, heals it, and reports its own figures."""
