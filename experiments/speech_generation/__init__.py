"""Speech generation; see `python -m experiments.speech_generation --help`."""
