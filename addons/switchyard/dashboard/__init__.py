"""The dashboard: static files that the management API serves at `/dashboard/`."""
