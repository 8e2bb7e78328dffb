"""`/v1`: what OpenAI's clients speak."""
