"""Scenario files: what may be written, what it becomes, and what is said about what is wrong."""
