"""Data for the experiments: where they lie, how they are read, how they are cut."""
