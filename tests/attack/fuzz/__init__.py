"""Parsers of what strangers send, under arbitrary bytes: by Hypothesis in every run, by atheris with `make fuzz`."""
