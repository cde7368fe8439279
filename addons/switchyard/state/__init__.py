"""What is remembered from one request to the next, by one process or several.

`protocol` defines what shared state does; `memory`, `served` and `redis_link` are the three ways of
keeping it. `ledger` holds the rules of admission, which the scripts in `lua` repeat for Redis.
"""
