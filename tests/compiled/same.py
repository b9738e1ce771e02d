"""What it means that two engines agree, to be used by all tests of the compiled one."""

import numpy as np

from sim.compiled.engine import replicate as by_machine
from sim.model.run import replicate as by_model


def same_records(loaded, replication=0):
    """Run both engines and compare all that they leave, to the last bit; return what the SimPy model left."""
    wanted, found = by_model(loaded, replication), by_machine(loaded, replication)
    assert found.tables.keys() == wanted.tables.keys()
    assert different(found.tables, wanted.tables) == []
    assert (found.end_s, found.events) == (wanted.end_s, wanted.events)
    assert (found.replication, found.window_s, found.names) == (wanted.replication, wanted.window_s, wanted.names)
    return wanted


def different(found, wanted):
    """Return the columns that are not of one type, one length and the same bits; NaN is like NaN."""
    return [
        f"{table}.{name}"
        for table, columns in wanted.items()
        for name, values in columns.items()
        if values.dtype != found[table][name].dtype
        or not np.array_equal(values, found[table][name], equal_nan=values.dtype.kind == "f")
    ]
