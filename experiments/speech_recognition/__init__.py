"""Speech recognition; see `python -m experiments.speech_recognition --help`."""
