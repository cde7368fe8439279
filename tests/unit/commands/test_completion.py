"""What shells complete."""

import shutil
import subprocess

import pytest

from switchyard.commands.completion import main
from switchyard.launch.dispatch import COMMANDS


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_every_command_is_completed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([shell]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*COMMANDS, "start", "run"))
    assert "--workers" in text and "--since" in text


def test_bash_completes_by_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bash"]) == 0
    bash = shutil.which("bash")
    assert bash is not None
    script = capsys.readouterr().out + (
        "COMP_WORDS=(switchyard us) COMP_CWORD=1\n"
        "_shtab_switchyard 2>/dev/null\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run([bash], input=script, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["usage"]


def test_an_unknown_shell_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cmd"])
    assert "bash" in capsys.readouterr().err
