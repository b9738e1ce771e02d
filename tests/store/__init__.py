"""What is on disk during and after a run."""
