"""The worker's OpenAI routes: requests in, generations, answers out."""
