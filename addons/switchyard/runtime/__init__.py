"""What addons are given: the snapshot in force, and what outlives it."""
