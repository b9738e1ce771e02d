"""The manifest of a run: what it takes to know a result years later, and to make it again."""

import hashlib
import json
import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sim.scenario.load import Loaded, dump

LIBRARIES = ("pagopa-sim", "simpy", "numpy", "scipy", "pandas", "pyarrow", "pydantic")
_PERHAPS = ("numba",)
"""Libraries that figures depend on where they are installed."""


_OF_NO_EFFECT = {"name", "title", "description", "slos"}
_OF_NO_EFFECT_IN_RUN = {"replications", "confidence", "engine"}


def matters(path: str) -> bool:
    """Return whether a replication may depend on what is at a path."""
    section, _, name = path.partition(".")
    return section not in _OF_NO_EFFECT and not (section == "run" and name in _OF_NO_EFFECT_IN_RUN)


def fingerprint(loaded: Loaded) -> str:
    """Return a hash of everything that a replication's records depend on, but its number.

    The program is part of it, down to the last character, and the libraries that make numbers: nobody should be
    given the figures of another version.
    """
    known = _fingerprints.get(loaded)
    if known is None:
        known = _fingerprints[loaded] = _fingerprint(loaded)
    return known


_fingerprints: WeakKeyDictionary[Loaded, str] = WeakKeyDictionary()


def _fingerprint(loaded: Loaded) -> str:
    values = {name: value for name, value in dump(loaded.scenario).items() if name not in _OF_NO_EFFECT}
    values["run"] = {name: value for name, value in values["run"].items() if name not in _OF_NO_EFFECT_IN_RUN}
    digest = hashlib.sha256(json.dumps([values, of_code()], sort_keys=True).encode())
    if loaded.trace_s is not None:
        digest.update(loaded.trace_s.tobytes())
    return digest.hexdigest()


@cache
def of_code() -> str:
    """Return a hash of the program's own modules, without those that only print, and of what else makes numbers."""
    package = Path(__file__).parents[1]
    others = [platform.python_version_tuple()[:2], *(version(name) for name in ("numpy", "scipy", "simpy"))]
    digest = hashlib.sha256(json.dumps(others).encode())
    for file in sorted(package.rglob("*.py")):
        if file.relative_to(package).parts[0] not in ("cli", "report"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def of_scenario(loaded: Loaded) -> dict[str, Any]:
    """Return the scenario as resolved, and where each of its values is from."""
    return {
        "scenario": dump(loaded.scenario),
        "file": str(loaded.file),
        "sets": list(loaded.sets),
        "provenance": [
            {"path": p.path, "value": p.value, "source": p.source, "assumed": p.assumed, "range": [p.low, p.high]}
            for p in loaded.provenance
        ],
        "seed": loaded.scenario.run.seed,
        "fingerprint": fingerprint(loaded),
    }


def of_program() -> dict[str, Any]:
    """Return what computed it: versions, the program's commit if it runs from a checkout, and the machine."""
    commit, changed = _git()
    libraries = (*LIBRARIES, *filter(find_spec, _PERHAPS))
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in libraries}},
        "git_commit": commit,
        "git_changed": changed,
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": cores()},
    }


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def argv() -> list[str]:
    """Return the command line as typed."""
    return ["pagopa-sim", *sys.argv[1:]]


def _git() -> tuple[str | None, bool | None]:
    """Return the commit of the checkout that the program runs from, and whether it has been changed since."""
    top = Path(__file__).parents[2]
    found = _asked_git(top, "rev-parse", "HEAD", "--show-toplevel")
    if found is None:
        return None, None
    commit, _, root = found.partition("\n")
    if Path(root).resolve() != top.resolve():  # somebody else's repository, in which the program is installed
        return None, None
    return commit, bool(_asked_git(top, "status", "--porcelain", "--untracked-files=no", "--", "sim"))


def _asked_git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", *words],  # noqa: S607 - whatever git the user has
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
