"""What every Roomcast process needs in order to be run: settings from the environment, logs, health and metrics.

Nothing here knows what a process does; `gateway`, `presence` and `media` use it and never each other.
"""
