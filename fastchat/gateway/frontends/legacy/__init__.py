"""`/api/v1`: FastChat's own additions, under the same key check as the rest."""
