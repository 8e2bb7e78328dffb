"""The platform as a table: what is read for it, its rows, and the terminal that shows it."""
