"""What MkDocs has to be told of this repository: pages from outside `docs/`, links out of it, and what is added often.

`scenarios/README.md` and `results/README.md` stand where their readers look for them, and are pages too. A link to any
other file of the repository stays as text, since the pages travel without it.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUESTS = {"scenarios.md": ROOT / "scenarios" / "README.md", "results.md": ROOT / "results" / "README.md"}
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> None:
    """Add every decision to the navigation, and how-to pages that it does not have."""
    assert config.nav is not None
    decisions = [{_title(file): f"decisions/{file.name}"} for file in sorted((DOCS / "decisions").glob("*.md"))]
    config.nav.append({"Decisions": decisions})
    how_to = next(each["How to"] for each in config.nav if "How to" in each)
    known = {path for entry in how_to for path in entry.values()}
    pages = (f"how-to/{file.name}" for file in sorted((DOCS / "how-to").glob("*.md")))
    how_to.extend({_title(DOCS / page): page} for page in pages if page not in known)


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages that stand elsewhere."""
    for uri, source in GUESTS.items():
        files.append(File.generated(config, uri, abs_src_path=str(source)))


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Make links lead to pages, and what leads to other files of the repository into text."""
    home = Path(page.file.abs_src_path or DOCS).parent

    def link(match: re.Match[str]) -> str:
        text, target, anchor = match[1], match[2], match[3] or ""
        uri = _page_of((home / target).resolve())
        if uri is None:
            return text
        return f"[{text}]({get_relative_url(uri, page.file.src_uri)}{anchor})"

    return _LINK.sub(link, markdown)


def on_nav(nav: Navigation, *, files: Files, **_: object) -> None:
    """Leave nothing out: a page that nobody can reach is a mistake."""
    lost = [file.src_uri for file in files.documentation_pages() if file.page is None or file.page not in nav.pages]
    if lost:
        raise ValueError(f"no way leads to {', '.join(sorted(lost))}: add them to nav in mkdocs.yml")


def _page_of(target: Path) -> str | None:
    """Return the page that shows a file, if one does."""
    for uri, source in GUESTS.items():
        if target == source:
            return uri
    inside = target.is_relative_to(DOCS) and target.is_file()
    return target.relative_to(DOCS).as_posix() if inside else None


def _title(file: Path) -> str:
    first = file.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ").replace("`", "")
