"""The OpenAI dialect: what clients send and what they get."""
