"""Parsers of untrusted input under arbitrary bytes, from Hypothesis in every run, or from atheris in `make fuzz`."""
