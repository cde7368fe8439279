"""What requests used and cost: records, their store, totals and reports.

`records` defines a row, `writer` hands finished rows to a `store` in a thread of its own, `sqlite`
and `postgresql` are the stores, `reports` reads them.
"""
