"""The leaderboard on the page, live from the votes."""
