"""Parsers of untrusted input, under arbitrary bytes: by Hypothesis in every run, by atheris with `make fuzz`."""
