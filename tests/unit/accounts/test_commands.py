import sys
import threading
import time

import pytest

from switchyard.accounts.commands import CommandOutput
from switchyard.accounts.commands import end_commands
from switchyard.accounts.token import SourceError
from switchyard.config.credentials import CredentialSource


def printing(code: str, within: float = 60.0, **more: object) -> CommandOutput:
    source = {"command": [sys.executable, "-c", code], **more}
    return CommandOutput(CredentialSource.model_validate(source), within)


def test_what_a_program_prints_is_the_token_for_its_ttl() -> None:
    before = time.time()
    token = printing("print('tok-1')", ttl="100s").read("")
    assert token.secret.get_secret_value() == "tok-1"
    assert before + 100 <= token.expires_at <= time.time() + 100
    assert before + 80 <= token.renew_at <= time.time() + 80


def test_a_token_for_seconds_lives_when_it_is_printed() -> None:
    token = printing("print('tok-1')", ttl="2s").read("")
    assert not token.is_expired(token.renew_at - 0.1)
    assert token.is_expired(token.expires_at)


def test_a_token_within_json_ends_when_it_says() -> None:
    until = int(time.time()) + 50
    code = f"import json; print(json.dumps({{'t': 'tok-1', 'e': {until}}}))"
    token = printing(code, json="$.t", expires="$.e").read("")
    assert (token.secret.get_secret_value(), token.expires_at) == ("tok-1", float(until))


def test_a_failure_gives_the_last_line_of_errors_and_nothing_printed() -> None:
    code = (
        "import sys; print('hidden-value-1'); "
        "sys.exit('first line\\nvault is sealed: hidden-value-1 sk-abcdefghijklmnop0123')"
    )
    with pytest.raises(SourceError, match="ended with status 1: vault is sealed") as caught:
        printing(code).read("")
    text = str(caught.value)
    assert "hidden-value-1" not in text and "abcdefgh" not in text and "first line" not in text


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("print()", "empty text"),
        ("print('two words')", "one word"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "no text"),
        ("import sys; sys.exit(3)", "ended with status 3$"),
    ],
)
def test_what_is_no_token(code: str, cause: str) -> None:
    with pytest.raises(SourceError, match=cause):
        printing(code).read("")


def test_a_program_that_is_not_there() -> None:
    source = CredentialSource.model_validate({"command": "/no/such/program --flag"})
    with pytest.raises(SourceError, match="cannot be started: No such file"):
        CommandOutput(source).read("")


def test_a_program_that_hangs_is_ended_with_what_it_started() -> None:
    code = "import subprocess; subprocess.run(['sleep', '1000'])"
    with pytest.raises(SourceError, match=r"printed nothing within 0\.5 s"):
        printing(code, within=0.5).read("")


def test_programs_end_when_the_router_stops() -> None:
    failed: list[SourceError] = []

    def read() -> None:
        try:
            printing("import time; time.sleep(1000)").read("")
        except SourceError as error:
            failed.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    while not failed:
        end_commands()  # until it has started
        thread.join(0.01)
    assert "ended with status -9" in str(failed[0])
