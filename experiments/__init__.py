"""Experiments: each a file that runs by `python -m experiments.<name>`."""
