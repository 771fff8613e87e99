"""What families of cells share."""
