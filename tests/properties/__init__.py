"""What holds of every run, over random small scenarios."""
