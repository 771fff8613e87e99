"""Recognition of symbols in frames, for speech and for handwriting."""
