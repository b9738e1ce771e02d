"""The commands of the studies: read from their pages, typed as they stand, and recorded with what they print.

    make studies    # type every command of every study again, and write what it prints below it

In a block marked `console`, what follows `$ ` is a command, over several lines where they end in a backslash, and what
is below it is what it printed, its remarks too. Tests type all of them again and compare, but those that say at their
end `# recorded DATE`, which take minutes. They are typed in the repository's own folder, so that replications which
are on the shelf in `results/` are not computed again.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = sorted(HERE.glob("*.md"))

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)
_RECORDED = re.compile(r"(?<=  # recorded )\d{4}-\d\d-\d\d$")
_VARIES = re.compile(r"^(results: \S+/)\S+$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a page, and what it printed."""

    command: str
    printed: str

    @property
    def recorded(self) -> str | None:
        """The date of a command that takes minutes; None of one that tests type again."""
        found = _RECORDED.search(self.command)
        return found and found[0]


def steps(page: Path) -> list[Step]:
    """Return the commands of a page, in order."""
    return [step for block in _BLOCK.findall(page.read_text(encoding="utf-8")) for step in _steps(block)]


def typed(command: str, folder: Path) -> str:
    """Type a command in a folder like the repository's; return what it prints, without spaces at the ends of lines."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}  # as wide as in a pipe
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", os.defpath)])
    done = subprocess.run(  # noqa: S602 - our own pages
        command, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def comparable(printed: str) -> str:
    """Leave out of what was printed what is another each time: the name of a run's folder."""
    return _VARIES.sub(r"\1...", printed)


def record(page: Path, folder: Path = ROOT) -> None:
    """Type all commands of a page, and write what they print below them."""
    today = datetime.now(UTC).date().isoformat()

    def again(match: re.Match[str]) -> str:
        shown = ""
        for step in _steps(match[1]):
            print(f"{page.name}: {step.command}", file=sys.stderr, flush=True)
            shown += f"$ {_RECORDED.sub(today, step.command)}\n{typed(step.command, folder)}"
        return f"```console\n{shown}```"

    page.write_text(_BLOCK.sub(again, page.read_text(encoding="utf-8")), encoding="utf-8")


def _steps(block: str) -> Iterator[Step]:
    found = list(_TYPED.finditer(block))
    ends = [*(each.start() for each in found[1:]), len(block)]
    for match, end in zip(found, ends, strict=True):
        yield Step(match[1], block[match.end() : end])


if __name__ == "__main__":
    for each in PAGES:
        record(each)
