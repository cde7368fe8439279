"""Prints requests and responses of every wire format as text for people. Pure.

`transcript.py` takes bytes as they were on the wire; `requests.py` and `responses.py` print the
neutral model; `parts.py` prints the pieces both have in common.
"""
