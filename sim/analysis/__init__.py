"""Analysis: records in, numbers with intervals out. Reads `sim.records`, knows nothing of how they were made."""
