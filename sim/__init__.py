"""Discrete-event simulation of the pagoPA use case *Pagamento presso frontend dell'EC* (SANP 3.6.1).

>>> import sim
>>> r = sim.run("scenarios/baseline.yaml", replications=2)  # doctest: +SKIP
>>> r.metrics.loc["token_expiry_rate"]  # doctest: +SKIP

Everything here is imported when it is first used, so that `import sim` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.analysis.intervals import Estimate as Estimate
    from sim.analysis.summary import Summary as Summary
    from sim.api import load as load
    from sim.api import run as run
    from sim.experiment.run import Run as Run
    from sim.scenario.load import Loaded as Loaded
    from sim.scenario.load import ScenarioError as ScenarioError

_HOMES = {
    "Estimate": "sim.analysis.intervals",
    "Loaded": "sim.scenario.load",
    "Run": "sim.experiment.run",
    "ScenarioError": "sim.scenario.load",
    "Summary": "sim.analysis.summary",
    "load": "sim.api",
    "run": "sim.api",
}

__all__ = ["Estimate", "Loaded", "Run", "ScenarioError", "Summary", "load", "run"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sim' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
