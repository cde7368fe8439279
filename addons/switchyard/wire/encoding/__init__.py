"""Encodings of bodies: JSON, SSE, NDJSON, content codings."""
