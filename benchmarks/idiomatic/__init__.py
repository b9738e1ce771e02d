"""The same protocol path as a competent SimPy user writes it from the tutorial: what the simulator is timed against.

One process per cart, per activation and per call; `simpy.Resource` for workers; `any_of([call, timeout])` for every
timeout; draws one by one from `random`; an object per payment, and a dict per payment as its record. It is written
in good faith: no needless events, records written once, tokens kept in order of expiry so that a sweep stops early.
`docs/performance.md` says what it leaves out. It is made to be measured: nothing in `sim` imports it.
"""

from benchmarks.idiomatic.model import Model
from benchmarks.idiomatic.records import counts
from benchmarks.idiomatic.supported import refuse_unsupported

__all__ = ["Model", "counts", "refuse_unsupported"]
