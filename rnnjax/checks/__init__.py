"""What a user's own cell promises, checked by running it."""
