"""Limits on clients: rates, unfinished sessions per address, and admission."""
