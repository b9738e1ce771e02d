"""A folder of scenario files that tests write, load and complain about."""

import pytest

from sim.scenario.load import ScenarioError, load

SMALL = """\
name: small
arrivals: {rate: 10/s}
ecs:
  - {name: ec-1, share: 100%}
psps:
  - name: psp-a
    share: 60%
    outcome_delay: {lognormal: {p50: 400 ms, p98: 2 s}}
  - {name: psp-b, share: 40%}
"""
"""A scenario of nine lines; tests add lines from the tenth on."""


class Folder:
    """Scenario and data files below one folder; the scenario is `s.yaml`."""

    def __init__(self, path):
        self.path = path

    def write(self, name, content):
        """Write a file below the folder and return its path."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    def load(self, text, *sets):
        """Load a text as `s.yaml`, changed by assignments."""
        return load(self.write("s.yaml", text), sets)

    def problems(self, text, *sets):
        """Return the problems of a text as they are printed, with the folder's path left out."""
        with pytest.raises(ScenarioError) as error:
            self.load(text, *sets)
        return str(error.value).replace(f"{self.path}/", "").splitlines()


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)
