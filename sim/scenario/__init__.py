"""Scenario files: what they may say (`schema`), how they are read (`load`), what looks wrong (`preflight`)."""
