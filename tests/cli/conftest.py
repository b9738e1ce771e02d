"""The command called in this process, and a scenario that runs in a moment."""

import sys
from typing import NamedTuple

import pytest

from sim.cli.main import main

SMALL = """\
name: small
run: {warm_up: 0 s, window: 20 s, replications: 2, seed: 3}
arrivals: {rate: 4/s}
citizen: {abandon: 20%}
ecs:
  - {name: ec-1, share: 100%}
psps:
  - {name: psp-a, share: 60%, pspNotifyPaymentV2: {ends: {ko: 20%}}}
  - {name: psp-b, share: 40%, outcome_delay: 3 s}
slos: [token_expiry_rate < 90%]
"""
"""About 80 payments; a fifth of the tokens expires, an eighth of what is authorised is reversed, psp-b is late."""


class Ended(NamedTuple):
    """How a command ended: exit code, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def scenario(tmp_path):
    """Return the file of the small scenario."""
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


@pytest.fixture
def pagopa_sim(capsys, monkeypatch, tmp_path):
    """Return a function that calls the command, in the folder of the scenario."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["pagopa-sim", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), *capsys.readouterr())

    return call


@pytest.fixture
def run(pagopa_sim, scenario):
    """Return a function that runs the small scenario, in this process, with more options."""

    def call(*words):
        return pagopa_sim("run", scenario, "--jobs", 1, *words)

    return call


@pytest.fixture(autouse=True)
def any_width(monkeypatch):
    """Let pages be as wide as they are where nobody says: a test runner may have set a width of its own."""
    monkeypatch.delenv("COLUMNS", raising=False)
