"""Reports: what a reader sees."""
