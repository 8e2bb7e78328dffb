"""One file describes the platform; its processes are started here and kept running."""
