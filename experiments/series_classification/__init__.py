"""Labels for series of several channels; see `__main__.py`."""
