"""A process that starts sweeps and kills them: `python -m experiment.killing FOLDER KILLS SEED`.

It has no threads and has imported what a sweep needs, so that it can fork one after another at no cost. A kill is
SIGKILL or SIGINT to the whole process group, as a terminal or a cluster does it, after a random number of replications
and then at a random moment of the next one; or a limit on the size of files, a few replications away, which a process
meets as a full disk. So there are as many kills as are wanted, however fast the machine is. It prints, as JSON, what it
saw of each.
"""

import json
import os
import random
import resource
import signal
import sqlite3
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from sim.experiment.design import read_vary
from sim.experiment.sweep import sweep
from sim.shelf import FILE
from sim.store import StoreError

VARY = ["psps.psp-a.workers=1..6", "arrivals.rate=2/s,3/s,4/s,5/s"]
POINTS, REPLICATIONS = 24, 4
NEXT_S = 0.06
"""About how long a replication takes, and what follows it."""


def attempt(folder, out, jobs, pipe=None):
    """Run the sweep; return the exit code that the command would have."""

    def watch(far):
        if pipe is not None:
            os.write(pipe, b"%d\n" % far.replications)

    try:
        sweep(
            folder / "tiny.yaml", read_vary(VARY), replications=REPLICATIONS, jobs=jobs, out=folder / out, watch=watch
        )
    except KeyboardInterrupt:
        return 130
    except StoreError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def begun(folder, out, jobs, limit=None):
    """Fork a sweep in a session of its own; return its process and the pipe on which it says how far it is."""
    there, here = os.pipe()
    child = os.fork()
    if child:
        os.close(here)
        return child, os.fdopen(there)
    code = 4
    try:
        os.close(there)
        os.setsid()
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        code = attempt(folder, out, jobs, here)
    finally:
        os._exit(code)


def ended(child):
    """Wait for a process, and return its exit code or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def on_shelf(folder, out):
    """Return how many replications and points are on the shelf."""
    with closing(sqlite3.connect(folder / out / FILE)) as shelf:
        count = "SELECT (SELECT count(*) FROM replications), (SELECT count(*) FROM rows)"
        return shelf.execute(count).fetchone() if (folder / out / FILE).stat().st_size else (0, 0)


def journal(out):
    """Return the size of the file that grows with what is put on the shelf."""
    file = out / (FILE + "-wal")
    return file.stat().st_size if file.exists() else 0


def killed(folder, kills, chance):
    """Start and kill the sweep so many times; yield what was seen."""
    left = POINTS * REPLICATIONS
    for number in range(kills):
        how = ("kill", "ctrl-c", "full disk")[number % 3]
        jobs = 2 if number % 5 == 4 else 1
        full = how == "full disk"
        limit = journal(folder / "killed") + chance.randrange(60_000) if full else None
        more = left if full else chance.randint(0, 2 * left // (kills - number + 2))
        child, pipe = begun(folder, "killed", jobs, limit)
        first = last = None
        with pipe:
            for line in pipe:
                last = int(line)
                first = last if first is None else first
                if last - first >= more:
                    break
            if not full:
                time.sleep(chance.uniform(0, NEXT_S))
                with suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGINT if how == "ctrl-c" else signal.SIGKILL)
            code = ended(child)
            reported = [int(line) for line in pipe]
        last = reported[-1] if reported else last
        replications, points = on_shelf(folder, "killed")
        left = POINTS * REPLICATIONS - replications
        yield {"how": how, "code": code, "said": last, "replications": replications, "points": points}


def main():
    """Kill the sweep as often as asked, let it end; run it twice at once; run it undisturbed with two jobs."""
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    seen = list(killed(folder, kills, random.Random(seed)))  # noqa: S311 - moments of kills
    at_once = [begun(folder, "twice", 1) for _ in range(2)]
    codes = []
    for child, pipe in at_once:
        with pipe:
            pipe.read()
        codes.append(ended(child))
    codes += [attempt(folder, "killed", 1), attempt(folder, "alone", 2)]
    shelves = {out: on_shelf(folder, out) for out in ("killed", "twice", "alone")}
    print(json.dumps({"kills": seen, "codes": codes, "shelves": shelves}))


if __name__ == "__main__":
    main()
