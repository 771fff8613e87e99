"""Captioning; see `python -m experiments.captioning --help`."""
