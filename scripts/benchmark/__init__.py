"""`scripts/bench`: Switchyard beside its peers, on one machine, in one run."""
