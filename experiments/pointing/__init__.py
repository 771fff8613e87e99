"""Pointing; see `python -m experiments.pointing --help`."""
