"""Pages to be typed: every block is, in the order of the page and in one shell, and prints what is shown below it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
TYPED = ("compare", "fast", "report", "trace")
_BLOCK = re.compile(r"^```(yaml|sh|python|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def script_of(page, folder):
    """Write the scenarios of a page, and return a script that types the rest, and what its steps have to print.

    The output of step n goes to `n.out`.
    """
    script, shown, step = [], {}, 0
    for language, block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language == "yaml":
            name = re.search(r"^name: (.*)$", block, re.MULTILINE)[1]
            (folder / "scenarios" / f"{name}.yaml").write_text(block, encoding="utf-8")
        elif language == "text":
            shown[step] = block
        else:
            step += 1
            typed = block if language == "sh" else f"python {step}.py\n"
            (folder / f"{step}.py").write_text(block, encoding="utf-8")
            script.append(f"{{ {typed}}} > {step}.out\n")
    return "".join(script), shown


def solid(text):
    """Return a text without empty lines and spaces at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines() if line.strip())


def pattern_of(shown):
    """Return what matches an output line by line; `...` stands for any lines."""
    lines = [r"(?:.*\n)*?" if line == "..." else re.escape(line) + "\n" for line in shown.splitlines()]
    return re.compile("".join(lines))


@pytest.mark.parametrize("name", TYPED)
def test_what_a_page_shows_is_what_is_printed(tmp_path, name):
    """In a folder with the shipped scenarios and no results, as for who begins with the page; empty lines do not count.

    A run whose objectives fail or are undecided says so by its exit code; no other error is allowed.
    """
    (tmp_path / "scenarios").mkdir()
    for shipped in (ROOT / "scenarios").glob("*.yaml"):
        (tmp_path / "scenarios" / shipped.name).write_bytes(shipped.read_bytes())
    script, shown = script_of(HOW_TO / f"{name}.md", tmp_path)
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"PATH": programs}
    done = subprocess.run(  # noqa: S603 - the commands of our own page
        ["/bin/bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert "Traceback" not in done.stderr
    assert shown
    for step, wanted in shown.items():
        printed = solid((tmp_path / f"{step}.out").read_text(encoding="utf-8"))
        assert pattern_of(solid(wanted)).fullmatch(printed), f"step {step} printed:\n{printed}{done.stderr}"
