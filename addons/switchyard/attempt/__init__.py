"""One attempt: how its request is written, its response read and judged."""
