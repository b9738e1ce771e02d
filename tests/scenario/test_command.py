"""The command line and bad scenarios: exit code 2, every problem on a line of its own, nothing written."""

import pytest
from typer.testing import CliRunner

from sim.cli.commands import app

from .conftest import SMALL


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["validate", "run"])
@pytest.mark.parametrize(
    "content", [b"", b"- list", b"\xff", b"a: [" * 5_000, SMALL.replace("10/s", "fast").encode(), b"!!python/name:os.x"]
)
def test_a_bad_scenario_ends_with_2_and_leaves_nothing_behind(folder, command, content):
    """Neither a traceback nor a folder of results."""
    file, out = folder.write("s.yaml", content), folder.path / "out"
    done = invoke(command, file, *(["--out", out] if command == "run" else []))
    assert done.exit_code == 2
    assert done.stderr.startswith(f"{file}:")
    assert "Traceback" not in done.output
    assert not out.exists()


def test_a_bad_assignment_is_shown_as_it_was_typed(folder):
    """`--set` and the assignment, in the place of a file."""
    done = invoke("validate", folder.write("s.yaml", SMALL), "--set", "run.sed=7", "--set", "run.window=5")
    assert done.exit_code == 2
    assert done.stderr.splitlines() == [
        "--set run.sed=7  run.sed  is not known here  did you mean seed?",
        "--set run.window=5  run.window  5 has no unit of time  write ms, s, min, h or d, for example 5 s",
    ]


def test_a_good_scenario_is_valid(folder):
    """Changed by assignments or not."""
    file = folder.write("s.yaml", SMALL)
    assert invoke("validate", file).exit_code == 0
    assert invoke("validate", file, "--set", "psps.psp-a.outcome_delay.p98=3s").exit_code == 0
