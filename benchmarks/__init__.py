"""Speed of the simulator against an idiomatic SimPy model of the same protocol path."""
