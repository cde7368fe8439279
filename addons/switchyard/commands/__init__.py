"""The commands beside the router itself: run a tool, report usage, trust certificates.

A checkout has each as a script (`scripts/usage`), an installed package as a word after
`switchyard` (`switchyard usage`). Both call the same `main`.
"""
