"""The lock files: complete, hashed, and right for each Python and system that is supported."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
}
PYTHONS = ("3.12", "3.13")


def read_lock(name: str) -> list[tuple[Requirement, int]]:
    """Each pin of a lock file, with the number of its hashes."""
    pins = []
    for statement in (ROOT / name).read_text().replace("\\\n", " ").splitlines():
        text = statement.partition("#")[0].strip()
        if text:
            pin, *hashes = text.split("--hash=sha256:")
            pins.append((Requirement(pin), len(hashes)))
    return pins


RUNTIME = read_lock("requirements.lock")
IMAGE = read_lock("requirements-image.lock")
TEST = read_lock("requirements-test.lock")


def applies(requirement: Requirement, python: str, system: str) -> bool:
    """Whether the requirement is one for this Python on this system."""
    environment = {str(key): str(value) for key, value in default_environment().items()}
    environment |= SYSTEMS[system]
    environment |= {"python_version": python, "python_full_version": f"{python}.1"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def installed(pins: list[tuple[Requirement, int]], python: str, system: str) -> list[Requirement]:
    return [pin for pin, _ in pins if applies(pin, python, system)]


def expanded(extra: str) -> list[str]:
    """What an extra asks for, with that of the project's other extras which it names."""
    wanted = []
    for text in PROJECT["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if requirement.name == PROJECT["name"]:
            wanted += [each for name in sorted(requirement.extras) for each in expanded(name)]
        else:
            wanted.append(text)
    return wanted


@pytest.mark.parametrize("lock", [RUNTIME, IMAGE, TEST], ids=["runtime", "image", "test"])
def test_every_requirement_is_one_version_with_hashes(lock: list[tuple[Requirement, int]]):
    assert lock
    for pin, hashes in lock:
        assert [specifier.operator for specifier in pin.specifier] == ["=="], pin
        assert pin.url is None, pin
        assert hashes, pin


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_locks_hold_what_the_project_asks_for(python: str, system: str):
    for lock, wanted in (
        (RUNTIME, PROJECT["dependencies"]),
        (IMAGE, PROJECT["dependencies"] + expanded("image")),
        (TEST, PROJECT["dependencies"] + expanded("test")),
    ):
        pins = installed(lock, python, system)
        names = Counter(pin.name for pin in pins)
        assert [name for name, count in names.items() if count > 1] == []
        versions = {pin.name: next(iter(pin.specifier)).version for pin in pins}
        for requirement in map(Requirement, wanted):
            name = requirement.name.replace(".", "-")
            if not applies(requirement, python, system):
                continue
            assert name in versions, f"{name}: run scripts/lock"
            assert requirement.specifier.contains(versions[name]), f"{name}: run scripts/lock"


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_tests_run_on_what_users_run_on(python: str, system: str):
    runtime = {str(pin) for pin in installed(RUNTIME, python, system)}
    tested = {str(pin) for pin in installed(TEST, python, system)}
    image = {str(pin) for pin in installed(IMAGE, python, system)}
    assert runtime <= image <= tested


@pytest.mark.parametrize("name", sorted(path.name for path in ROOT.glob("requirements*.lock")))
def test_a_lock_names_no_registry(name: str):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "index-url" not in text
