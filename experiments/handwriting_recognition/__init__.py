"""Handwriting recognition; `python -m experiments.handwriting_recognition`."""
