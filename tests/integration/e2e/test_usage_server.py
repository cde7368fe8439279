"""Two routers keep their records on one PostgreSQL server, which goes and comes back."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from switchyard.commands.usage import main as report_usage
from switchyard.usage.places import RecordPlace
from switchyard.usage.places import open_pages
from switchyard.usage.row_pages import RowQuestion
from tests.support.answers import CHAT
from tests.support.answers import Answer
from tests.support.answers import saying
from tests.support.postgres import find_programs
from tests.support.postgres import postgres_server
from tests.support.router import Router
from tests.support.upstream import Upstream
from tests.unit.usage.stores import KEEP
from tests.unit.usage.stores import KeptOnServer
from tests.unit.usage.stores import check_kept

BODY = {"model": "chat/good", "messages": [{"role": "user", "content": "Well?"}]}


def config(upstream: Upstream, url: str) -> dict[str, Any]:
    chat = {"name": "chat", "base-url": f"{upstream.url}/v1", "api-key": "sk-1"}
    return {"providers": [chat | {"billing": "per-token"}], "usage": url}


def asked(router: Router, count: int) -> None:
    for _ in range(count):
        answer = httpx2.post(router.url + CHAT.path, json=BODY, trust_env=False, timeout=60)
        assert answer.status_code == 200


def test_two_routers_share_a_server(
    tmp_path: Path, upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    if (programs := find_programs()) is None:
        pytest.skip("PostgreSQL is not installed (Debian, Ubuntu: apt install postgresql)")
    upstream.on("good", always=saying(CHAT, Answer(text="Yes.")), path=CHAT.path)
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    with postgres_server(programs) as server:
        settings = config(upstream, server.url())
        routers = [Router(folder, settings) for folder in folders]
        for router in routers:
            router.trouble_expected = True  # the server's end is a warning in the log
        with routers[0], routers[1]:
            asked(routers[0], 4)
            asked(routers[1], 3)
            server.stop()
            asked(routers[0], 2)
            server.start()
        kept = KeptOnServer(server.url(), tmp_path)
        rows = open_pages(RecordPlace(tmp_path, KEEP, server.url())).page(RowQuestion(), 100)
        assert len(rows) == 9
        assert {row.state for row in rows} == {"complete"}
        assert all(len(row.tries) == 1 for row in rows)
        check_kept(kept)
        file = tmp_path / "router.yaml"
        file.write_text(json.dumps(settings))
        assert report_usage(["models", "--json", "--config", str(file)]) == 0
        assert json.loads(capsys.readouterr().out)["totals"]["requests"] == 9
