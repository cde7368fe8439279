"""Every module of the package has a test module, found by its name."""

from pathlib import Path

from tests.support.router import ROOT

PACKAGE = ROOT / "addons" / "switchyard"
UNIT = ROOT / "tests" / "unit"
EXCEPTIONS = Path(__file__).with_name("without_own_tests.txt")


def has_tests(module: Path) -> bool:
    """Whether a test module in the same room names it: for `stream_reader` it may be
    `test_stream_reader`, `test_stream` (with its siblings), or `test_stream_reader_tools`."""
    stem = module.stem
    folder = UNIT / module.relative_to(PACKAGE).parent
    names = [path.stem.removeprefix("test_") for path in folder.glob("test_*.py")]
    return any(f"{stem}_".startswith(f"{name}_") or name.startswith(f"{stem}_") for name in names)


def test_every_module_has_its_tests() -> None:
    modules = (path for path in PACKAGE.rglob("*.py") if path.stem != "__init__")
    without = {str(path.relative_to(PACKAGE)) for path in modules if not has_tests(path)}
    listed = EXCEPTIONS.read_text().split()
    assert listed == sorted(set(listed))
    assert not (new := without - set(listed)), f"write tests/unit/<room>/test_<module>.py: {new}"
    assert not (old := set(listed) - without), f"take these out of {EXCEPTIONS.name}: {old}"
