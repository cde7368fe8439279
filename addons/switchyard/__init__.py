"""Switchyard: turns mitmproxy into an LLM router."""
