"""Limits for what clients may do: rates, unfinished sessions per address, and admission."""
