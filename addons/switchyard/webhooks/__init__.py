"""Sends events to receivers, by the Standard Webhooks specification."""
