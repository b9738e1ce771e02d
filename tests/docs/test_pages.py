"""The pages that are written by hand: their examples work, nothing is left out, and the site needs no network."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import sim
from sim.cli import experiments, report, studies, trace  # noqa: F401 - they add their commands
from sim.cli.commands import app
from sim.report import plots

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")


def blocks(page, language):
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def examples(language):
    """Return every block of a language with its page's name and its number there, as parameters."""
    return [
        pytest.param(block, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, language))
    ]


TUTORIAL_TABLES = [table for table in blocks(DOCS / "tutorial.md", "text") if table.startswith("Service level")]
"""The two tables of verdicts: of the baseline, and of the tutorial's own scenario."""


@pytest.mark.parametrize("text", [e for e in examples("yaml") if "extends:" in e.values[0]])
def test_a_scenario_shown_can_be_loaded(tmp_path, text):
    """Each scenario of the pages, saved beside the shipped ones, has no problems."""
    for shipped in (ROOT / "scenarios").glob("*.yaml"):
        (tmp_path / shipped.name).write_bytes(shipped.read_bytes())
    (tmp_path / "shown.yaml").write_text(text, encoding="utf-8")
    assert sim.load(tmp_path / "shown.yaml").scenario.name == re.search(r"^name: (.*)$", text, re.MULTILINE)[1]


def test_the_mistake_of_the_tutorial_is_answered_as_shown(tmp_path):
    """A value without its unit gives the line that the tutorial shows, but for the folder."""
    for shipped in (ROOT / "scenarios").glob("*.yaml"):
        (tmp_path / shipped.name).write_bytes(shipped.read_bytes())
    right = next(text for text in blocks(DOCS / "tutorial.md", "yaml") if "name: slow_psp" in text)
    wrong = right.replace("value: 3 s", "value: 3")
    assert wrong != right
    (tmp_path / "slow_psp.yaml").write_text(wrong, encoding="utf-8")
    with pytest.raises(sim.ScenarioError) as raised:
        sim.load(tmp_path / "slow_psp.yaml")
    shown = next(text for text in blocks(DOCS / "tutorial.md", "text") if "slow_psp.yaml:" in text).strip()
    assert shown.removeprefix("scenarios/") in str(raised.value).replace(f"{tmp_path}/", "").splitlines()


def test_the_compiled_engine_without_numba_is_refused_as_shown(tmp_path, monkeypatch):
    """The scenario of the page, where Numba is not installed, gives the lines that the page shows."""
    page = DOCS / "how-to" / "fast.md"
    (tmp_path / "scenarios").mkdir()
    for shipped in (ROOT / "scenarios").glob("*.yaml"):
        (tmp_path / "scenarios" / shipped.name).write_bytes(shipped.read_bytes())
    (tmp_path / "scenarios" / "nation.yaml").write_text(blocks(page, "yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "numba", None)
    shown = re.search(r"^    scenarios/nation.*\n    .*\n", page.read_text(encoding="utf-8"), re.MULTILINE)[0]
    with pytest.raises(sim.ScenarioError) as raised:
        sim.load("scenarios/nation.yaml")
    assert str(raised.value).split() == shown.split()


def test_the_first_verdict_of_the_tutorial_is_that_of_the_readme():
    """Line by line, some of which are left out; the README's block is typed by a test of its own."""
    (printed, *_) = blocks(ROOT / "README.md", "text")
    shown = [line for line in printed.splitlines() if line in TUTORIAL_TABLES[0].splitlines()]
    assert shown == TUTORIAL_TABLES[0].splitlines()


def test_the_second_verdict_of_the_tutorial_is_what_is_printed(tmp_path):
    """The tutorial's own scenario, run as typed, ends as shown and as the text says: one objective fails."""
    (tmp_path / "scenarios").mkdir()
    for shipped in (ROOT / "scenarios").glob("*.yaml"):
        (tmp_path / "scenarios" / shipped.name).write_bytes(shipped.read_bytes())
    (text,) = blocks(DOCS / "tutorial.md", "yaml")
    (tmp_path / "scenarios" / "slow_psp.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own program
        [str(Path(sys.executable).with_name("pagopa-sim")), "run", "scenarios/slow_psp.yaml", "--quiet"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "\n".join(line.rstrip() for line in done.stdout.splitlines()).startswith(TUTORIAL_TABLES[1].strip())


@pytest.mark.parametrize("text", examples("sh"))
def test_a_command_shown_has_its_options(text):
    """Every command of the pages exists, and so do its options."""
    commands = typer.main.get_command(app).commands
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0].endswith("pagopa-sim"):
            known = {option for parameter in commands[words[1]].params for option in (*parameter.opts, "--help")}
            known |= {option for parameter in commands[words[1]].params for option in parameter.secondary_opts}
            assert {word for word in words[2:] if word.startswith("--")} <= known


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
def test_every_command_is_named(page):
    """Who reads what there is finds all of it; and nothing that is not there."""
    text = (ROOT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"`pagopa-sim (\w+)", text)) == set(typer.main.get_command(app).commands)


@pytest.mark.parametrize("text", examples("python"))
def test_python_shown_is_python(text):
    """It compiles, and what it takes from `sim` is there."""
    compile(text, "shown", "exec")
    assert {name for name in re.findall(r"\bsim\.(\w+)", text) if name != "report"} <= set(sim.__all__)


def test_the_replay_shown_is_what_is_printed(tmp_path):
    """The case of the page, replayed at the page's width, prints the table below it."""
    page = DOCS / "how-to" / "replay.md"
    case, shown = blocks(page, "json")[0], blocks(page, "text")[0]
    assert json.loads(case)["id"] == "late-outcome"
    (tmp_path / "late.json").write_text(case, encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own program
        [str(Path(sys.executable).with_name("pagopa-sim")), "replay", "late.json"],
        cwd=tmp_path, capture_output=True, text=True, check=True, env={"COLUMNS": "110"},
    )  # fmt: skip
    assert [line.rstrip() for line in done.stdout.splitlines() if line.strip()] == shown.splitlines()


def test_the_expectation_shown_is_missed_as_shown(tmp_path):
    """With the page's last step in place of the first case's, exit code 1 and the line of the page."""
    page = DOCS / "how-to" / "replay.md"
    case, step = (json.loads(text) for text in blocks(page, "json"))
    case["steps"][-1] = step
    (tmp_path / "late.json").write_text(json.dumps(case), encoding="utf-8")
    done = subprocess.run(  # noqa: S603 - our own program
        [str(Path(sys.executable).with_name("pagopa-sim")), "replay", "late.json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, blocks(page, "text")[1])


@pytest.mark.parametrize("name", sim.__all__)
def test_every_public_name_is_in_the_reference(name):
    """The reference has every name of `import sim`, at the place from which it is imported."""
    assert re.search(rf"^::: sim\.[\w.]+\.{name}$", REFERENCE, re.MULTILINE)


def test_every_picture_is_in_the_reference():
    """All that `sim.report.plots` exports but the type and the table."""
    shown = set(re.findall(r"^::: sim\.report\.plots\.(\w+)$", REFERENCE, re.MULTILINE))
    assert shown == set(plots.__all__) - {"OF_RUN", "Picture"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("MkDocs is not installed: make site")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_asks_nothing_of_the_network(site):
    """No page loads a script, a style, a font or a picture from elsewhere, and none has what makes the theme do so."""
    pages = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert len(pages) > 20
    for text in pages.values():
        assert not re.findall(r"""<(?:script|link|img|iframe)[^>]*(?:src|href)=["']?(?:https?:)?//""", text)
        assert 'class="mermaid"' not in text  # for these the theme loads a library from a CDN
    assert not [f for f in site.rglob("*.css") if re.search(r"url\([\"']?(?:https?:)?//|@import", f.read_text("utf-8"))]


def test_every_decision_is_a_page_of_the_site(site):
    """They are added to the navigation by themselves."""
    home = (site / "index.html").read_text(encoding="utf-8")
    for decision in (DOCS / "decisions").glob("*.md"):
        assert f"decisions/{decision.stem}.html" in home
