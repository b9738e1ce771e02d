"""The same numbers every time, and common random numbers between scenarios."""
