"""Which workers are alive: registration, heart-beats, the pushed table."""
