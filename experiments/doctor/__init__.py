"""Examines a training for common trouble."""
