"""The compiled engine gives what the SimPy model gives."""
