"""Writes one attempt's request, reads its response, and classifies its failure."""
