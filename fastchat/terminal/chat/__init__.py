"""The conversation in a terminal: who is asked, what can be commanded, and the loop of both."""
