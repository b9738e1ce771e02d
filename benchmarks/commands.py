"""What a command takes, measured as whoever types it waits for it: from its start to its end."""

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("pagopa-sim"))


@dataclass(frozen=True)
class Command:
    """What a command took, its start included."""

    wall_s: float
    cpu_s: float


def command(words: Sequence[str]) -> Command:
    """Run a command to its end, which must be a good one; what it prints is not kept.

    Raises `subprocess.CalledProcessError`.
    """
    before, wall_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own
    wall_s, after = time.perf_counter() - wall_s, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Command(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
