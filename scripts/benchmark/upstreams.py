"""The upstreams of all servers: nginx for whole answers, `token_upstream` for streams."""

import json
import os
import shutil
import sys
import urllib.request
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
  server {{
    listen 127.0.0.1:{tls_port} ssl backlog=4096;
    ssl_certificate {certificate};
    ssl_certificate_key {certificate};
    location /v1/ {{ return 200 '{answer}'; }}
  }}
}}
"""


def start(folder: Path) -> tuple[list[Service], Upstreams]:
    """Start both. Raises Unavailable if there is no nginx."""
    nginx_path = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{_ALSO_HERE}")
    if nginx_path is None:
        raise Unavailable("nginx is not installed (Debian, Ubuntu: apt install nginx-light)")
    whole, stream, tls_whole, tls_stream = (free_port() for _ in range(4))
    certificate = write_certificate(folder / "upstreams.pem")
    conf = folder / "nginx.conf"
    conf.write_text(
        _NGINX.format(
            folder=folder,
            port=whole,
            tls_port=tls_whole,
            certificate=certificate,
            answer=json.dumps(ANSWER),
            refusal=json.dumps(REFUSAL),
        )
    )
    errors = str(folder / "nginx.errors")
    nginx = Service([nginx_path, "-e", errors, "-c", str(conf)], log=folder / "nginx.log")
    tokens = Service(
        [
            *(sys.executable, "-m", "scripts.benchmark.token_upstream"),
            *(str(stream), str(tls_stream), str(certificate)),
        ],
        log=folder / "tokens.log",
    )
    nginx.wait_for(f"http://127.0.0.1:{whole}/v1/")
    tokens.wait_for(f"http://127.0.0.1:{stream}/")
    base = f"http://127.0.0.1:{whole}"
    return [nginx, tokens], Upstreams(
        whole=f"{base}/v1",
        failing=f"{base}/failing/v1",
        stream=f"http://127.0.0.1:{stream}/v1",
        secure_whole=f"https://127.0.0.1:{tls_whole}/v1",
        secure_stream=f"https://127.0.0.1:{tls_stream}/v1",
        certificate=certificate,
    )


def write_certificate(path: Path) -> Path:
    """Write a certificate of 127.0.0.1, signed by itself, and its key into a PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.touch(mode=0o600)
    path.write_bytes(text + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def set_pace(upstreams: Upstreams, tokens: int, rate: float) -> None:
    """From now on a stream has so many tokens, so many a second (0: as fast as they are taken)."""
    url = upstreams.stream.removesuffix("/v1") + "/pace"
    body = json.dumps({"tokens": tokens, "rate": rate}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=10).close()
