"""Parts of the memory tasks: the tasks, the networks, their training, its table."""
