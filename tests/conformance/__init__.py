"""The real Node's public tests, replayed, and what replays must be whatever the script."""
