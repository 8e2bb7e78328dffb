"""One engine behind HTTP, with heart-beats and a bound on concurrency."""
