"""The engine for Hugging Face checkpoints, beside what it stands on. `make bench-transformers`"""
