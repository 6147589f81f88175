"""Build the documentation site from docs/, the README files and the docstrings."""
