"""Tags for the words of a sentence; see `__main__.py`."""
