"""The chat tab: one conversation with one model."""
