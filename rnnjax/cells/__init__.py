"""Recurrent cells, one file a family."""
