"""The worker's side of the wire of 0.2.36."""
