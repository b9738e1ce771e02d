"""Runs and sweeps that are on disk, opened again: what is shown of them is what was found then, not computed anew."""

from pathlib import Path

from sim.analysis.packing import unpack
from sim.analysis.reading import summary_of
from sim.analysis.tally import Tally
from sim.arguments import path
from sim.experiment.run import Run
from sim.experiment.sweep import Sweep
from sim.scenario import slos as slo_language
from sim.store import MANIFEST, POINTS, SUMMARY, TALLIES, StoreError, read_document, read_manifest, read_tallies


def read(folder: str | Path) -> Run | Sweep:
    """Open the folder of a run or of a sweep; raises `StoreError` if it is neither.

    `tallies` are empty for a run whose tallies were kept by a version that had others; its figures are all there.
    """
    place = path("folder", folder)
    if (place / POINTS).is_file():
        return Sweep(place, read_manifest(place))
    if (place / SUMMARY).is_file():
        try:
            return _run(place)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StoreError(f"{place}: is not a run of this version ({error})") from error
    raise StoreError(f"{place}: {_instead(place)}")


def _run(place: Path) -> Run:
    manifest = read_manifest(place)
    scenario = manifest["scenario"]
    names = slo_language.names_in(scenario)
    document = read_document(place, SUMMARY)
    slos = [slo_language.parse(said["slo"], names) for said in document["slos"]]
    return Run(summary_of(document, slos), manifest, place, _tallies(place), bool(manifest["interrupted"]))


def _tallies(place: Path) -> tuple[Tally, ...]:
    if not (place / TALLIES).is_file():
        return ()
    try:
        return tuple(unpack(packed) for packed in read_tallies(place))
    except ValueError:
        return ()


def _instead(place: Path) -> str:
    """Say what is wrong with a folder that is no run, and where runs are, if they are below it."""
    if not place.is_dir():
        return "is not there" if not place.exists() else "is a file; give the folder of a run or a sweep"
    found = sorted(file.parent.relative_to(place) for file in place.glob(f"*/{MANIFEST}"))
    found = found or sorted(file.parent.relative_to(place) for file in place.glob(f"*/*/{MANIFEST}"))
    found = [each for each in found if not each.name.startswith(".")]
    if not found:
        return "is neither a run nor a sweep; give a folder such as results/SCENARIO/RUN"
    return f"is neither a run nor a sweep, but has {len(found)} of them; give one, for example {place / found[-1]}"
