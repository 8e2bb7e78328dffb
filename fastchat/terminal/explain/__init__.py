"""`fastchat explain ID`: what became of one request, from the logs."""
