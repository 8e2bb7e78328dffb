"""The arena: battles, votes, who is drawn, which votes count, ratings. No page, no HTTP, no SQL."""
