"""Operate a gateway: admission, drain, metrics, lag, and the listening socket."""
