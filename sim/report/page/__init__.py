"""The report: a run or a sweep as one HTML file that needs nothing else, to be read, printed and sent to people.

Everything that is shown is data (`sim.report.cells`, `figures`, `origins`, `making`); the markup is in `templates/`,
where what comes from a scenario is escaped. The file asks nobody for anything: no script, no font, no picture from
elsewhere, and its policy forbids them. The same result gives the same page, byte for byte.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sim.experiment.run import Run
from sim.experiment.sweep import Sweep
from sim.report.page import of_run, of_sweep
from sim.store import StoreError

__all__ = ["page", "write"]


def page(result: Run | Sweep) -> str:
    """Return the report of a run or of a sweep as an HTML document."""
    if isinstance(result, Run):
        return _filled("run.html", of_run.content(result))
    return _filled("sweep.html", of_sweep.content(result))


def write(text: str, file: str | Path) -> Path:
    """Write a document beside its place and move it there, so that no half of it is ever seen; raises `StoreError`."""
    place = Path(file)
    try:
        with NamedTemporaryFile("wb", dir=place.parent, prefix=f".{place.name}-", delete=False) as beside:
            written = Path(beside.name)
            try:
                beside.write(text.encode("utf-8", "replace"))
                beside.close()
                written.chmod(0o644)
                written.replace(place)
            except BaseException:  # a full disk, or somebody's Ctrl-C
                written.unlink()
                raise
    except OSError as error:
        raise StoreError(f"{place}: cannot be written ({error.strerror}); give another file with -o") from error
    return place


def _filled(template: str, content: Mapping[str, Any]) -> str:
    pages = Environment(
        loader=PackageLoader("sim.report.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    pages.filters["drawing"] = lambda picture: Markup(picture.svg())  # noqa: S704 - drawn here, with its texts as curves
    pages.filters["breakable"] = lambda text: Markup(".<wbr>").join(text.split("."))  # it escapes what it joins
    return pages.get_template(template).render(content)
