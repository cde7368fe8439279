"""Runs a command where nothing but this machine can be reached: in a network of its own, from which
one port leads out.

    inside.py SOCKET PORT COMMAND [ARGUMENT...]

Started by `unshare`. Connections to 127.0.0.1:PORT are passed on to the Unix socket, behind which
the tests stand in the network outside.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import threading

_GET_FLAGS, _SET_FLAGS, _UP = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(any_socket, _GET_FLAGS, asked), 16)
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def deny_names(directory: str) -> None:
    """Answers at once that no other host exists: some clients would wait for seconds."""
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    resolver.bind(("127.0.0.1", 53))
    with open(f"{directory}/resolv.conf", "w") as file:
        file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    mount = ("mount", "--bind", file.name, "/etc/resolv.conf")
    if subprocess.run(mount, capture_output=True).returncode != 0:
        return  # names are not found either way, only later

    def serve() -> None:
        while True:
            asked, client = resolver.recvfrom(4096)
            end = 12  # after the header: the name's parts, each with its length, type and class
            while asked[end]:
                end += asked[end] + 1
            said = asked[:2] + b"\x81\x83" + asked[4:6] + bytes(6) + asked[12 : end + 5]
            resolver.sendto(said, client)

    threading.Thread(target=serve, daemon=True).start()


def pass_on(listener: socket.socket, family: int, address: object) -> None:
    """Passes every connection of `listener` on to `address`, until the process ends."""

    def serve() -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.socket(family)
            try:
                far.connect(address)  # type: ignore[arg-type]
            except OSError:
                near.close()
                continue
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        # One side is gone: so is the other, for both directions.
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def main(path: str, port: str, *command: str) -> int:
    raise_loopback()
    deny_names(os.path.dirname(path))
    listener = socket.create_server(("127.0.0.1", int(port)))
    pass_on(listener, socket.AF_UNIX, path)
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
