"""Remembers from one request to the next, in one process or across several.

`conversations` and `model_lists` keep what one process needs. `protocol` defines the state that
processes and hosts share; `memory`, `served` and `redis_link` are the three ways of keeping it.
`ledger` holds the rules of admission, which the scripts in `lua` repeat for Redis.
"""
