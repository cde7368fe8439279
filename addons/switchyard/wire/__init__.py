"""Wire formats: pure translation between bytes, one neutral model and bytes again; no I/O."""
