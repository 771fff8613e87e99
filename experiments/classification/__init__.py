"""Labels for texts; see `__main__.py`."""
