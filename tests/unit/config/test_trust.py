"""What is told of clients that do not trust the router."""

import pytest

from switchyard.config.shipped import known_clients

CA = "/home/u/.mitmproxy/mitmproxy-ca-cert.pem"


@pytest.mark.parametrize(
    ("agent", "host", "name", "variable"),
    [
        ("codex_exec/0.169", "x.example", "Codex", "CODEX_CA_CERTIFICATE to a file with"),
        ("claude-cli/2.1 (external, cli)", "x.example", "Claude Code", f"NODE_EXTRA_CA_CERTS={CA}"),
        ("python-httpx/0.28", "x.example", "a Python client", "SSL_CERT_FILE to a file with"),
        ("Bun/1.3.0", "x.example", "a Node or Bun client", f"NODE_EXTRA_CA_CERTS={CA}"),
        ("", "chatgpt.com", "a client, Codex maybe,", "For that, set CODEX_CA_CERTIFICATE"),
        ("", "nobody.example", "a client", "SSL_CERT_FILE"),
        ("odd/1", "chatgpt.com", "a client (odd/1)", "SSL_CERT_FILE"),
    ],
)
def test_who_it_is_and_what_to_set(agent: str, host: str, name: str, variable: str) -> None:
    told, advice = known_clients().advice(agent, host, CA)
    assert told == name
    assert variable in advice and CA in advice and "scripts/run-with" in advice
