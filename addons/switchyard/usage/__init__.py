"""Prices responses, keeps a record of each request, and reports what was used.

`records` defines a row, `writer` hands finished rows to a `store` in a thread of its own, `sqlite`
keeps them, `reader` and `reports` read them.
"""
