"""`/v1/arena`: votes on the answers of the model `arena`."""
