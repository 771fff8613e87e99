"""Why gradients vanish and explode; see `__main__.py`."""
