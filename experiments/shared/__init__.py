"""What two or more experiments share: windows, optimizers, sampling, baselines."""
