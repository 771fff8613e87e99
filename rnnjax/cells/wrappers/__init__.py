"""Cells made from another cell."""
