"""The built-in provider `demo`: a real upstream on loopback that needs no key and no network.

- `upstream.py`: the server, a process of its own.
- `process.py`: starts and stops it.
"""
