"""Files that people ask for by name: pages and pictures, written whole or not at all."""

from pathlib import Path
from tempfile import NamedTemporaryFile

from sim.store import StoreError


def write(content: str | bytes, file: str | Path) -> Path:
    """Write a file beside its place and move it there, so that no half of it is ever seen; raises `StoreError`.

    What is a pipe or a device stays one, and is written into.
    """
    place = Path(file)
    written = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    try:
        if place.exists() and not place.is_file():
            place.write_bytes(written)
        else:
            _replace(place.resolve(), written)
    except OSError as error:
        raise StoreError(f"{place}: cannot be written ({error.strerror}); give another file") from error
    return place


def _replace(place: Path, written: bytes) -> None:
    with NamedTemporaryFile("wb", dir=place.parent, prefix=f".{place.name}-", delete=False) as beside:
        draft = Path(beside.name)
        try:
            beside.write(written)
            beside.close()
            draft.chmod(0o644)
            draft.replace(place)
        except BaseException:  # a full disk, or somebody's Ctrl-C
            draft.unlink()
            raise
