"""Forecasting: what follows in series of numbers."""
