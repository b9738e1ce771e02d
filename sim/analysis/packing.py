"""Tallies as bytes and back, exactly: what is kept of finished replications between programs.

Compressed JSON and nothing that runs when it is read, since results are passed from hand to hand. Floats survive to
the last bit. Whoever adds a field to `Tally` adds it here; a test compares the two.
"""

import json
import zlib
from dataclasses import fields
from typing import Any

import numpy as np

from sim.analysis.tally import Tally

_ARRAYS = ("outcome_curve", "open_tokens_at_s", "open_tokens")
_PLAIN = ("replication", "window_s", "names", "squares", "stations", "calls", "refusals", "money", "warm_up_cut_s",
          "events", "activations")  # fmt: skip


def pack(tally: Tally) -> bytes:
    """Return a tally as bytes."""
    values: dict[str, Any] = {name: getattr(tally, name) for name in _PLAIN}
    values |= {name: getattr(tally, name).tolist() for name in _ARRAYS}
    values["sums"] = {m: {d: array.tolist() for d, array in by.items()} for m, by in tally.sums.items()}
    values["quantiles"] = [[*quantile, value] for quantile, value in tally.quantiles.items()]
    return zlib.compress(json.dumps(values).encode(), 6)


def unpack(packed: bytes) -> Tally:
    """Return the tally that `pack` made bytes of; raises `ValueError` for other bytes."""
    try:
        values = json.loads(zlib.decompress(packed))
        values |= {name: np.array(values[name]) for name in _ARRAYS}
        values["window_s"] = tuple(values["window_s"])
        values["names"] = {kind: tuple(names) for kind, names in values["names"].items()}
        values["money"] = {place: tuple(found) for place, found in values["money"].items()}
        values["sums"] = {m: {d: np.array(rows) for d, rows in by.items()} for m, by in values["sums"].items()}
        values["quantiles"] = {tuple(key): value for *key, value in values["quantiles"]}
        return Tally(**{field.name: values[field.name] for field in fields(Tally)})
    except (zlib.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a tally of this version ({error})") from error
