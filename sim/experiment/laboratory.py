"""A laboratory for whoever has a results folder: what is finished is on its shelf, and a crew does the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim.experiment.executors import crew
from sim.experiment.replications import Laboratory
from sim.shelf import shelf


@contextmanager
def laboratory_of(out: Path, jobs: int | None, scheduler: str | None) -> Iterator[Laboratory]:
    """Give a laboratory as long as the context lasts; raises what `shelf` and `crew` raise."""
    with shelf(out) as kept, crew(jobs, scheduler) as workers:
        yield Laboratory(workers, kept)
