"""Pictures: one function each, for the command line, the report and notebooks alike.

Those of a run take a `Run`, those of a search and of a study what these found; the others take data frames
(`sim.report.plots.points` says which columns). Each returns a `Picture`, which is a matplotlib figure:
`picture.savefig("x.png")`, `picture.svg()` to put into a page, `picture.alt` in words. Importing this imports
matplotlib.
"""

from collections.abc import Callable, Mapping

from sim.experiment.run import Run
from sim.report.plots.capacities import capacity, capacity_curve
from sim.report.plots.fates import token_fate
from sim.report.plots.maps import heat_map
from sim.report.plots.money import reversals
from sim.report.plots.outcomes import outcome_delay
from sim.report.plots.paper import Picture
from sim.report.plots.queues import stations
from sim.report.plots.replicating import convergence, running, warm_up
from sim.report.plots.sensitivities import sensitivity, tornado
from sim.report.plots.sweeps import sweep
from sim.report.plots.waits import citizen_wait

__all__ = [
    "OF_RUN",
    "Picture",
    "capacity",
    "capacity_curve",
    "citizen_wait",
    "convergence",
    "heat_map",
    "outcome_delay",
    "reversals",
    "running",
    "sensitivity",
    "stations",
    "sweep",
    "token_fate",
    "tornado",
    "warm_up",
]

OF_RUN: Mapping[str, Callable[[Run], Picture]] = {
    "outcome_delay": outcome_delay,
    "token_fate": token_fate,
    "reversals": reversals,
    "stations": stations,
    "citizen_wait": citizen_wait,
    "convergence": lambda run: convergence(
        running(run), slos=[each.slo for each in run.summary.slos], confidence=run.summary.confidence
    ),
    "warm_up": warm_up,
}
"""The pictures of a run by name, in the order of the page."""
