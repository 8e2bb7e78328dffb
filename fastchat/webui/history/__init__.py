"""Conversations that are kept: found again, named, shared, taken along, forgotten."""
