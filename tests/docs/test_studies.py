"""The studies: what their commands print is what their pages show, and the page is recorded by one command."""

import importlib.util
import re
import shlex
import shutil
from datetime import date
from pathlib import Path

import pytest
import typer

from sim.cli import experiments, report, studies, trace  # noqa: F401 - they add their commands
from sim.cli.commands import app

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "docs" / "studies"

spec = importlib.util.spec_from_file_location("record", STUDIES / "record.py")
record = importlib.util.module_from_spec(spec)
spec.loader.exec_module(record)

COMMANDS = [
    pytest.param(step, id=f"{page.stem}-{number}")
    for page in record.PAGES
    for number, step in enumerate(record.steps(page))
]


@pytest.mark.timeout(1200)  # a minute of a processor, which a machine with other work makes into many
@pytest.mark.parametrize("page", record.PAGES, ids=lambda page: page.stem)
def test_a_study_prints_what_its_page_shows(page, tmp_path):
    """Every command that says no date, typed in the order of the page, prints what is below it, character by character.

    In a folder of its own, with the scenarios and the studies, so that nothing comes from an earlier day's results.
    """
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    shutil.copytree(STUDIES, tmp_path / "docs" / "studies")
    repeated = [step for step in record.steps(page) if not step.recorded]
    assert len(repeated) >= 3
    for step in repeated:
        printed = record.typed(step.command, tmp_path)
        assert record.comparable(printed) == record.comparable(step.printed), step.command


@pytest.mark.parametrize("step", COMMANDS)
def test_a_command_of_a_study_can_be_typed(step):
    """Its words are understood, also where it takes too long to be typed again."""
    first, *_ = step.command.replace("\\\n", " ").split(" | ")
    program, name, *words = shlex.split(first, comments=True)
    if program == "pagopa-sim":
        command = typer.main.get_command(app).commands[name]
        command.make_context(name, words)
    else:
        assert program == "python"
        assert (ROOT / name).is_file()
    assert step.printed
    if step.recorded:
        assert date.fromisoformat(step.recorded).year >= 2026


@pytest.mark.parametrize("page", record.PAGES, ids=lambda page: page.stem)
def test_the_pictures_of_a_study_are_there_and_say_what_they_show(page):
    """Each has the words that the command which drew it printed, for who cannot see it."""
    pictures = re.findall(r"^!\[([^\]]+)\]\(([^)]+)\)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert pictures
    printed = "".join(step.printed for step in record.steps(page))
    for words, file in pictures:
        assert words in printed
        assert (page.parent / file).read_text(encoding="utf-8").startswith(("<?xml", "<svg"))


@pytest.fixture
def page(tmp_path):
    """Return a page with three commands, one of them over two lines, and one that takes too long for tests."""
    file = tmp_path / "page.md"
    file.write_text(
        "# Title\n\n```console\n$ echo one; echo two >&2\none\ntwo\n$ echo a \\\n    b\na b\n```\n\nText.\n\n"
        "```console\n$ echo long  # recorded 2020-02-03\nlong\n```\n\n```text\n$ echo no command\n```\n"
    )
    return file


def test_a_page_is_read_as_commands_and_what_they_printed(page):
    """Remarks are there as well as results; what is no `console` block is nobody's command."""
    found = record.steps(page)
    assert [step.printed for step in found] == ["one\ntwo\n", "a b\n", "long\n"]
    assert [step.recorded for step in found] == [None, None, "2020-02-03"]
    assert record.typed(found[0].command, page.parent) == "one\ntwo\n"
    assert record.typed(found[1].command, page.parent) == "a b\n"


def test_recording_changes_what_was_printed_and_the_date_and_nothing_else(page):
    """A page that shows something else becomes the page that shows what is printed, with today's date."""
    right = page.read_text()
    page.write_text(right.replace("\none\n", "\nuno\nand more\n").replace("\nlong\n", "\n"))
    before = record.datetime.now(record.UTC).date().isoformat()
    record.record(page, page.parent)
    after = record.datetime.now(record.UTC).date().isoformat()
    assert page.read_text() in {right.replace("2020-02-03", today) for today in (before, after)}


def test_the_name_of_a_run_is_not_compared_and_its_figures_are():
    """Of a run made at another time everything else is the same."""
    one, other = (f"TNSPO 99.1%\nresults: results/peak/2026112{day}T010203-0a1b2c3d\n" for day in (4, 5))
    assert record.comparable(one) == record.comparable(other)
    assert record.comparable(one) != record.comparable(other.replace("99.1%", "99.2%"))
    assert record.comparable(one) != record.comparable(other.replace("peak", "base"))
