"""The speed of attention, decoding, densities and alignment; see `__main__.py`."""
