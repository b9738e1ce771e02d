"""The README's example, typed as it stands and compared with what it says is printed."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_make_run_prints_what_the_readme_shows(tmp_path):
    """The block after `make run` is the beginning of what its command prints, figure by figure."""
    shown = re.search(r"```text\n(.*?)\n```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    recipe = re.search(r"^run:.*\n\t\$\(BIN\)/(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    program, *arguments = recipe.split()
    assert program == "pagopa-sim"
    done = subprocess.run(  # noqa: S603 - our own program
        [str(Path(sys.executable).with_name("pagopa-sim")), *arguments, "--out", str(tmp_path), "--quiet"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    printed = "\n".join(line.rstrip() for line in done.stdout.splitlines())
    assert done.returncode == 0, done.stderr
    assert printed.startswith(shown)
