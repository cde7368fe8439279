"""The Dockerfile and what surrounds it, as far as that can be checked without an engine."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from pathlib import PurePosixPath

import pytest
from ruamel.yaml import YAML

from switchyard.launch import options

ROOT = Path(__file__).parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "build.yaml"
RELEASE = WORKFLOW.with_name("release.yaml")


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    parts = [line.partition(" ") for line in lines if line]
    return [(word, rest.strip()) for word, _, rest in parts]


def last_stage() -> list[tuple[str, str]]:
    everything = instructions()
    start = max(index for index, (word, _) in enumerate(everything) if word == "FROM")
    return everything[start:]


def said(word: str) -> list[str]:
    """The arguments of each `word` instruction of the stage that becomes the image."""
    return [rest for name, rest in last_stage() if name == word]


def is_ignored(path: PurePosixPath) -> bool:
    """Whether .dockerignore keeps `path` out: the last pattern that fits it or a parent decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = re.escape(line.removeprefix("!"))
        pattern = pattern.replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, str(part)) for part in (path, *path.parents)):
            ignored = not line.startswith("!")
    return ignored


def copies() -> Iterator[tuple[str, PurePosixPath]]:
    """Each file or folder that is copied from the project: source, and path in the image."""
    for word, rest in instructions():
        arguments = shlex.split(rest)
        if word != "COPY" or arguments[0].startswith("--from"):
            continue
        *sources, target = arguments
        for source in sources:
            name = PurePosixPath(source).name if target.endswith(("/", ".")) else ""
            yield source, PurePosixPath("/app") / target / name


def in_image(path: str) -> bool:
    """Whether a path of the image came from an existing file of the project."""
    for source, target in copies():
        if PurePosixPath(path).is_relative_to(target):
            return (ROOT / source / PurePosixPath(path).relative_to(target)).exists()
    return False


def test_the_code_is_compiled_once_and_for_all():
    steps = [f"{word} {rest}" for word, rest in last_stage()]
    compiled = next(
        n for n, step in enumerate(steps) if step.startswith("RUN python -m compileall")
    )
    assert max(n for n, step in enumerate(steps) if step.startswith("COPY")) < compiled
    assert compiled < steps.index("USER 10001")
    folders = shlex.split(steps[compiled])[-2:]
    assert folders[0] == "addons" and "stdlib" in folders[1]


@pytest.mark.parametrize("source", sorted({source for source, _ in copies()}))
def test_every_copied_file_exists_and_reaches_the_engine(source: str):
    path = ROOT / source
    assert path.exists()
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    assert files
    for file in files:
        kept_out = "__pycache__" in file.parts
        assert is_ignored(PurePosixPath(file.relative_to(ROOT))) == kept_out, file


@pytest.mark.parametrize("path", [".git/config", ".venv/bin/python", ".env", "tests/x", "logs/x"])
def test_nothing_else_reaches_the_engine(path: str):
    assert is_ignored(PurePosixPath(path))


def test_what_the_image_runs_is_in_it():
    assert said("WORKDIR") == ["/app"]
    (entry,) = said("ENTRYPOINT")
    (check,) = said("HEALTHCHECK")
    for command in (json.loads(entry), json.loads(check.partition("CMD ")[2])):
        assert command[0] == "python"
        assert in_image(command[-1]), command
    assert in_image(str(PurePosixPath("/app") / options.ROUTER.relative_to(ROOT).parent))
    assert in_image("/app/config")
    assert any('PATH="/app/.venv/bin:' in line for line in said("ENV"))
    assert ["/app/.venv", ".venv"] in [shlex.split(line)[1:] for line in said("COPY")]


def test_the_user_is_not_root():
    (user,) = said("USER")
    # By number, so that an orchestrator that forbids root can see that it is none.
    assert int(user) > 0
    assert any(f"--uid {user} " in line for line in said("RUN"))


def test_the_ports_agree():
    (port,) = said("EXPOSE")
    settings = [part.partition("=") for line in said("ENV") for part in shlex.split(line)]
    environment = {name: value for name, _, value in settings}
    assert environment["PORT"] == port == options.DEFAULT_PORT
    assert environment["HOST"] == "0.0.0.0"
    compose = YAML(typ="safe").load(ROOT / "compose.yaml")
    assert compose["services"]["switchyard"]["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_image_is_built_on_a_python_that_the_project_supports():
    bases = {rest.split()[0] for word, rest in instructions() if word == "FROM"}
    (base,) = bases
    assert re.fullmatch(r"python:3\.13-slim@sha256:[0-9a-f]{64}", base), "one, by its digest"


def test_the_image_is_built_from_wheels_that_were_looked_at():
    (install,) = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    assert {"--require-hashes", "--only-binary=:all:"} <= set(install.split())


def test_compose_refers_to_what_exists():
    compose = YAML(typ="safe").load(ROOT / "compose.yaml")
    service = compose["services"]["switchyard"]
    assert (ROOT / service["build"] / "Dockerfile").is_file()
    # The address in the container is not loopback, so the router insists on a key.
    assert service["environment"]["SWITCHYARD_KEY"].startswith("${SWITCHYARD_KEY:?")
    made = " ".join(said("RUN"))
    for volume in service["volumes"]:
        source, target, *_ = volume.split(":")
        if source.startswith("."):
            assert (ROOT / source).exists()
            assert in_image(target)
        else:
            assert source in compose["volumes"]
            assert target in made


def test_compose_gives_no_more_than_is_needed():
    for service in YAML(typ="safe").load(ROOT / "compose.yaml")["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["pids_limit"] <= 512
        assert re.fullmatch(r"[1-4]g|512m", service["mem_limit"])
        assert "privileged" not in service and service.get("network_mode") != "host"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def workflow() -> dict:
    return YAML(typ="safe").load(WORKFLOW)


def steps() -> list[tuple[str, dict]]:
    """Every step of the workflow, with the job it belongs to."""
    return [(name, step) for name, job in workflow()["jobs"].items() for step in job["steps"]]


def test_the_workflow_tests_before_it_pushes():
    jobs = workflow()["jobs"]
    assert jobs["image"]["needs"] == ["unit", "integration"]
    assert jobs["publish"]["needs"] == "image"
    for name in ("unit", "integration"):
        assert jobs[name]["strategy"]["matrix"]["python"] == ["3.12", "3.13"]
        commands = [step["run"] for step in jobs[name]["steps"] if "run" in step]
        assert commands == [f".ci/run --{name}"]
    pushes = [job for job, step in steps() if step.get("with", {}).get("push")]
    logins = [job for job, step in steps() if "login" in step.get("uses", "")]
    assert pushes == logins == ["publish"]


def test_only_the_job_that_publishes_may_write_and_only_where_that_is_meant():
    document = workflow()
    assert document["permissions"] == {"contents": "read"}
    jobs = document["jobs"]
    assert {name for name, job in jobs.items() if "permissions" in job} == {"publish"}
    assert jobs["publish"]["permissions"] == {
        "contents": "read",
        "packages": "write",
        "id-token": "write",
        "attestations": "write",
    }
    assert " ".join(jobs["publish"]["if"].split()) == (
        "github.event_name == 'push' && (startsWith(github.ref, 'refs/tags/v') "
        "|| github.ref_name == github.event.repository.default_branch)"
    )
    checkouts = [step for _, step in steps() if "checkout" in step.get("uses", "")]
    assert len(checkouts) == len(jobs)
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_every_action_is_named_by_its_commit():
    lines = re.findall(r"uses: (.*)", WORKFLOW.read_text())
    assert len(lines) == len([step for _, step in steps() if "uses" in step])
    for line in [*lines, *re.findall(r"uses: (.*)", RELEASE.read_text())]:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_the_image_gets_its_four_names():
    (names,) = [step for _, step in steps() if "metadata-action" in step.get("uses", "")]
    assert names["with"]["tags"].split() == [
        "type=raw,value=latest,enable={{is_default_branch}}",
        "type=ref,event=branch",
        "type=semver,pattern={{version}}",
        "type=sha,format=short,prefix=",
    ]
    assert names["with"]["flavor"] == "latest=false"  # a version tag is not to move `latest`


def test_the_image_says_what_it_is_made_of_and_where():
    (push,) = [step for job, step in steps() if step.get("with", {}).get("push")]
    assert push["with"]["sbom"] is True and push["with"]["provenance"] == "mode=max"
    assert push["with"]["platforms"] == "linux/amd64,linux/arm64"
    (signed,) = [step for _, step in steps() if "attest-build-provenance" in step.get("uses", "")]
    assert signed["with"]["subject-digest"] == f"${{{{ steps.{push['id']}.outputs.digest }}}}"


def test_a_release_is_published_without_a_token_after_it_was_installed():
    document = YAML(typ="safe").load(RELEASE)
    jobs = document["jobs"]
    assert document["on"] == {"push": {"tags": ["v*"]}}
    assert document["permissions"] == {"contents": "read"}
    may_write = {name: job["permissions"] for name, job in jobs.items() if "permissions" in job}
    assert may_write == {
        "provenance": {"contents": "read", "id-token": "write", "attestations": "write"},
        "pypi": {"id-token": "write"},
        "notes": {"contents": "write"},
    }
    assert jobs["pypi"]["needs"] == ["installed", "provenance"]
    assert jobs["pypi"]["environment"]["name"] == "pypi"
    assert not any("with" in step and "password" in step["with"] for step in jobs["pypi"]["steps"])
    assert jobs["installed"]["strategy"]["matrix"]["python"] == ["3.12", "3.13"]
    # What was built once is what all others take.
    assert [name for name, job in jobs.items() if "--build" in str(job["steps"])] == ["build"]


SCRIPTS = ("start", "test", "lint", "format", "docs", "lock")


@pytest.mark.parametrize("name", [*(f"scripts/{name}" for name in SCRIPTS), ".ci/run"])
def test_the_scripts_can_be_run(name: str):
    path = ROOT / name
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["/bin/sh", "-n", str(path)], check=True)
