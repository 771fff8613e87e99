"""A label for each clip, or its next frames; see `__main__.py`."""
