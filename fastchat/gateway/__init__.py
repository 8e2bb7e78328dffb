"""Public API dialects in front of the workers; keys and limits."""
