"""The speed of recurrent networks; see `__main__.py`."""
