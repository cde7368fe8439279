"""Shares limits, turns, cooldowns and sticky sessions between processes and hosts.

`protocol` defines what shared state does; `memory`, `served` and `redis_link` are the three ways of
keeping it. `ledger` holds the rules of admission, which the scripts in `lua` repeat for Redis.
"""
