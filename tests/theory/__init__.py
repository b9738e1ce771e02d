"""The kernel against queueing theory, in closed form."""
