"""Runs of many replications: carried out, interrupted, repeated, and from Python."""
