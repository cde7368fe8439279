"""Makes spans of OpenTelemetry of requests that ended, and sends them to a collector."""
