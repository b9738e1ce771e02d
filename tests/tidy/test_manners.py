"""The repository checks its own manners: sizes, names, imports, links."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SIM = sorted((ROOT / "sim").rglob("*.py"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("*/README.md"))]
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 400, 60


def tracked():
    """Return the text files of the repository; in an export without git, all of its sources and pages."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whatever git there is
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    names = [name for name in listed.stdout.split("\0") if name]
    files = [ROOT / name for name in names] if listed.returncode == 0 else [*SIM, *PAGES]
    return [file for file in files if file.is_file() and file.suffix in {".py", ".md", ".yaml", ".toml", ".json", ""}]


def imported(file):
    """Return the modules that a file imports, with whether it does so when it is loaded."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("file", SIM, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_fits_into_the_head(file):
    """At most 400 lines, and no function over 60 below its signature (a command's options are data); with a head."""
    text = file.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert len(text.splitlines()) <= MOST_LINES
    assert ast.get_docstring(tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lines = {function.name: function.end_lineno - function.body[0].lineno + 1 for function in functions}
    assert {name: count for name, count in lines.items() if count > MOST_LINES_OF_A_FUNCTION} == {}


@pytest.mark.parametrize(
    ("module", "homes"),
    [
        ("simpy", ("kernel", "model")),
        ("numpy.random", ("kernel/streams.py",)),
        ("matplotlib", ("report",)),
        ("pandas", ("analysis", "report", "experiment", "store.py")),
        ("distributed", ("experiment/executors.py",)),
        ("sqlite3", ("shelf.py",)),
    ],
)
def test_a_library_is_used_only_where_it_belongs(module, homes):
    """So that a reader knows where randomness, files, pictures and processes are."""
    users = {
        file.relative_to(ROOT / "sim").as_posix()
        for file in SIM
        if any(name == module or name.startswith(f"{module}.") for name in imported(file))
    }
    assert users
    assert {user for user in users if not user.startswith(homes)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Links to files of the repository name files that are there."""
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]
    assert not missing


def test_decisions_are_numbered_without_gaps():
    """Each has the three parts, and the number in its name."""
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(file.name[:4])}. ")
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequences"))


def test_no_file_knows_the_machine_that_it_was_written_on():
    """No absolute path of a home or work folder."""
    pattern = re.compile(r"(?<![\w./])/(?:home|root|work|Users)/\w")
    named = {str(file.relative_to(ROOT)) for file in tracked() if pattern.search(file.read_text(encoding="utf-8"))}
    assert not named
