"""The parts of `experiments.gradient_flow`, a picture each."""
