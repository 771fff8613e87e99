"""Handwriting; see `python -m experiments.handwriting --help`."""
