"""Speed of both engines of the simulator against an idiomatic SimPy model of the same protocol path."""
