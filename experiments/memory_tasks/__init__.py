"""The memory tasks: sequences whose answer depends on inputs many steps back."""
