"""Whole models: the language model, and cells and layers as Flax modules."""
