"""Decoding: sequences drawn from a layer that streams."""

from rnnjax.decoding.sampling import sample

__all__ = ["sample"]
