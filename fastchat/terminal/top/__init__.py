"""`fastchat top`: what a platform does now, read from its servers, in numbers a second."""
