"""Polyphonic music; see `__main__.py`."""
