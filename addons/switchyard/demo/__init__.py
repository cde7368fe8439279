"""The built-in provider `demo`: an upstream on loopback without key or network.

- `upstream.py`: the server, a process of its own.
- `process.py`: starts and stops it.
"""
