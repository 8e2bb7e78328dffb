"""What is well here and what is not, with the remedy: each check is one function in one list."""
