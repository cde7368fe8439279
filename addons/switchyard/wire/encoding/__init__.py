"""JSON, SSE, NDJSON, content codings."""
