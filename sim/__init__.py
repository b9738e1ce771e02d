"""Discrete-event simulation of the pagoPA use case *Pagamento presso frontend dell'EC* (SANP 3.6.1).

>>> import sim
>>> r = sim.run("scenarios/baseline.yaml", replications=2, sets=["run.window=1 min", "run.warm_up=0 s"])
>>> r
<Run of baseline: 2 replications, undecided>
>>> list(r.metrics.loc["token_expiry_rate"].index)
['mean', 'low', 'high', 'n']

`r.payments`, `r.carts`, `r.reversals` and `r.stations` are data frames. Everything here is imported when it is first
used, so that `import sim` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.api import capacity as capacity
    from sim.api import compare as compare
    from sim.api import load as load
    from sim.api import run as run
    from sim.api import sensitivity as sensitivity
    from sim.api import sweep as sweep
    from sim.experiment.run import Run as Run
    from sim.experiment.stored import read as read
    from sim.model.run import RunError as RunError
    from sim.scenario.load import Loaded as Loaded
    from sim.scenario.load import ScenarioError as ScenarioError
    from sim.store import StoreError as StoreError

_HOMES = {
    "Loaded": "sim.scenario.load",
    "Run": "sim.experiment.run",
    "RunError": "sim.model.run",
    "ScenarioError": "sim.scenario.load",
    "StoreError": "sim.store",
    "capacity": "sim.api",
    "compare": "sim.api",
    "load": "sim.api",
    "read": "sim.experiment.stored",
    "run": "sim.api",
    "sensitivity": "sim.api",
    "sweep": "sim.api",
}

__all__ = [
    "Loaded",
    "Run",
    "RunError",
    "ScenarioError",
    "StoreError",
    "capacity",
    "compare",
    "load",
    "read",
    "run",
    "sensitivity",
    "sweep",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
