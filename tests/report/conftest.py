"""A run made by hand, a sweep, and the page of the run, for all tests of reports."""

import pytest

import sim
from report.pages import SMALL, read_page, run_by_hand
from report.pictures import twice
from sim.report.page import page


@pytest.fixture(scope="session")
def reported(tmp_path_factory):
    """Return the run made by hand, as two replications that do not differ."""
    return run_by_hand(tmp_path_factory.mktemp("reported"), *twice())


@pytest.fixture(scope="session")
def read(reported):
    """Return its page as a tree."""
    return read_page(page(reported))


@pytest.fixture(scope="session")
def swept(tmp_path_factory):
    """Return a sweep over two paths: how many citizens leave, and how many workers the PSP has."""
    folder = tmp_path_factory.mktemp("swept")
    file = folder / "small.yaml"
    file.write_text(f"{SMALL}slos: [token_expiry_rate < 30%, 'p(95, user_wait) < 9 s']\n", encoding="utf-8")
    vary = {"citizen.abandon": "0%,50%", "psps.psp.workers": "1,2,4"}
    return sim.sweep(file, vary, replications=3, out=folder / "results")
