"""What `experiments.benchmark` is made of: work, contenders, workers, tables, plots."""
