"""Translation; see `python -m experiments.translation --help`."""
