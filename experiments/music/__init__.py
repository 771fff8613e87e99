"""Polyphonic music: pieces as piano rolls, and the networks that predict them."""
