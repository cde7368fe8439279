"""Reads other routers' configurations, and drafts one of Switchyard's from each. Pure."""
