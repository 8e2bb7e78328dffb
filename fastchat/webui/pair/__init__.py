"""Two models answer the same question: blind battles, and side by side with names in sight."""
