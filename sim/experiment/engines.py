"""Which engine computes a replication: the SimPy model, or the compiled one, whose records are the same row for row.

Snapshots, calls and changes of status are the SimPy model's alone: whoever asks for them gets it, whatever the scenario
says.
"""

from collections.abc import Collection
from functools import cache
from importlib.util import find_spec
from logging import getLogger
from threading import Timer

from sim.experiment.extras import MissingExtraError
from sim.model.run import Progress, replicate
from sim.model.snapshot import Live
from sim.records import Records
from sim.scenario.load import Loaded

_LOG = getLogger(__name__)
_AT_ONCE_S = 2.0


def compiles(loaded: Loaded, record: Collection[str], live: bool) -> bool:
    """Whether the compiled engine computes such a replication."""
    return loaded.scenario.run.engine == "compiled" and not record and not live


def carry_out(
    loaded: Loaded, replication: int, record: Collection[str], progress: Progress, live: Live | None
) -> Records:
    """Compute a replication by the engine that its scenario asks for; `live` replaces `progress` where it is given.

    Raises `MissingExtraError` for the compiled engine where there is no Numba, as can be on the workers of a cluster.
    """
    if compiles(loaded, record, live is not None):
        if find_spec("numba") is None:
            said = (
                'a worker has no Numba, for run.engine: compiled; install it there: pip install "pagopa-sim[compiled]"'
            )
            raise MissingExtraError(said)
        from sim.compiled.engine import replicate as replicate_compiled

        return replicate_compiled(loaded, replication, progress=progress)
    if live is not None:
        return replicate(loaded, replication, record=record, live=live)
    return replicate(loaded, replication, record=record, progress=progress)


@cache
def _compile_machine() -> None:
    """Compile the machine, and say so if that is not done at once."""
    from sim.compiled.engine import compile_machine

    said = Timer(_AT_ONCE_S, _LOG.warning, ["compiling the engine, once for this installation: some twenty seconds"])
    said.daemon = True
    said.start()
    try:
        compile_machine()
    finally:
        said.cancel()


def prepare(loaded: Loaded, record: Collection[str], live: bool) -> None:
    """Compile what such a replication needs, before many processes ask for it: once, and quick from then on."""
    if compiles(loaded, record, live):
        _compile_machine()
