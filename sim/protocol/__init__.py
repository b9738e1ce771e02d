"""The protocol as tables and a sans-IO state machine.

Pure: no simulation, no arrays, no files, no clock. Time comes in as an argument, effects go out as values.
Read `statuses.py` first (what may follow what), then `ledger.py` (the Node's memory).
"""
