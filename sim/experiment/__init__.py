"""Experiments: many replications, on one core or several, and what is learnt from them together."""
