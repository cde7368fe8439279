"""Switchyard: turns mitmproxy into an LLM router."""

__version__ = "0.1.0"
