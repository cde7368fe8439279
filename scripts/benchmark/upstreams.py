"""The upstreams of all servers: nginx for whole answers, `token_upstream` for streams."""

import json
import os
import shutil
import sys
import urllib.request
from pathlib import Path

from scripts.benchmark.calls import Unavailable
from scripts.benchmark.calls import Upstreams
from scripts.benchmark.ports import free_port
from scripts.benchmark.processes import Service

ANSWER = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello from the benchmark."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
}
REFUSAL = {"error": {"message": "Overloaded", "type": "server_error", "code": 503}}

_ALSO_HERE = "/usr/sbin:/usr/local/sbin"
_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.errors;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_max_body_size 64m;
  client_body_buffer_size 16m;
  client_body_temp_path {folder}/client;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /v1/ {{ return 200 '{answer}'; }}
    location /failing/v1/ {{ return 503 '{refusal}'; }}
  }}
}}
"""


def start(folder: Path) -> tuple[list[Service], Upstreams]:
    """Start both. Raises Unavailable if there is no nginx."""
    nginx_path = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{_ALSO_HERE}")
    if nginx_path is None:
        raise Unavailable("nginx is not installed (Debian, Ubuntu: apt install nginx-light)")
    whole, stream = free_port(), free_port()
    conf = folder / "nginx.conf"
    conf.write_text(
        _NGINX.format(
            folder=folder, port=whole, answer=json.dumps(ANSWER), refusal=json.dumps(REFUSAL)
        )
    )
    errors = str(folder / "nginx.errors")
    nginx = Service([nginx_path, "-e", errors, "-c", str(conf)], log=folder / "nginx.log")
    tokens = Service(
        [sys.executable, "-m", "scripts.benchmark.token_upstream", str(stream)],
        log=folder / "tokens.log",
    )
    nginx.wait_for(f"http://127.0.0.1:{whole}/v1/")
    tokens.wait_for(f"http://127.0.0.1:{stream}/")
    base = f"http://127.0.0.1:{whole}"
    return [nginx, tokens], Upstreams(
        f"{base}/v1", f"{base}/failing/v1", f"http://127.0.0.1:{stream}/v1"
    )


def set_pace(upstreams: Upstreams, tokens: int, rate: float) -> None:
    """From now on a stream has so many tokens, so many a second (0: as fast as they are taken)."""
    url = upstreams.stream.removesuffix("/v1") + "/pace"
    body = json.dumps({"tokens": tokens, "rate": rate}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=10).close()
