"""Notebooks as they are kept: without outputs, with the public API alone. `make notebooks` executes them."""

import ast
import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)


def cells(file, kind):
    """Return the cells of a kind, `code` or `markdown`."""
    return [cell for cell in json.loads(file.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def test_notebooks_are_numbered_without_gaps():
    """Their order is the order of the questions."""
    assert [int(file.name[:2]) for file in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))
    assert NOTEBOOKS


@each_notebook
def test_a_notebook_is_kept_without_outputs(file):
    """What it shows depends on the machine's libraries and would hide what changed."""
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells(file, "code"))


@each_notebook
def test_a_notebook_opens_with_its_question(file):
    """The title asks, and the text says that windows are short."""
    first = "".join(cells(file, "markdown")[0]["source"])
    assert re.match(r"# .*\?\n", first)
    assert any("To be quick" in "".join(cell["source"]) for cell in cells(file, "markdown"))


@each_notebook
def test_a_notebook_imports_only_what_its_reader_may(file):
    """Of this project `sim` and its pictures; else the standard library and pandas."""
    tree = ast.parse("\n".join("".join(cell["source"]) for cell in cells(file, "code")))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {
        f"{node.module}.{alias.name}" if node.module.startswith("sim") else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert "sim" in modules
    assert modules <= {"sim", "sim.report.plots", "pandas", "math", "statistics", "tempfile"}
