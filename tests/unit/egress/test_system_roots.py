"""A certificate is looked for among the system's roots."""

from pathlib import Path

import trustme

from switchyard.egress.system_roots import is_among_roots


def test_a_certificate_is_found_whatever_its_lines(tmp_path: Path) -> None:
    ours, other = (trustme.CA().cert_pem.bytes() for _ in range(2))
    roots = tmp_path / "roots.pem"
    roots.write_bytes(b"# \xc3\xa9\n" + other + b"\n# ours\n" + ours.replace(b"\n", b"\r\n"))
    bundles = [str(tmp_path / "nothing.pem"), str(roots)]
    assert is_among_roots(ours.decode(), bundles) is True
    assert is_among_roots(trustme.CA().cert_pem.bytes().decode(), bundles) is False
    assert is_among_roots(ours.decode(), bundles[:1]) is None
