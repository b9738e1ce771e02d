"""The folder in which random scenarios find their trace."""

import pytest

from properties.scenarios import ARRIVALS_CSV


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return a folder with the arrivals of scenarios that have a trace."""
    path = tmp_path_factory.mktemp("scenarios")
    (path / "arrivals.csv").write_text(ARRIVALS_CSV, encoding="utf-8")
    return path
