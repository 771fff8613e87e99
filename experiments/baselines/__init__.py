"""Models without recurrence, on the same data and by the same measure."""
