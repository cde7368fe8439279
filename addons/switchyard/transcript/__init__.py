"""Requests and answers of every wire format as text for people: pure, it reads and prints.

`reading.py` takes bytes as they were on the wire; `asking.py` and `answering.py` print what the
neutral model holds; `parts.py` prints the pieces both have in common.
"""
