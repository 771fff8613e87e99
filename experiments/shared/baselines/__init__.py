"""Models without recurrence, evaluated on the same data by the same measure."""
