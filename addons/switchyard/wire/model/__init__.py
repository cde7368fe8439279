"""The neutral model: conversation, events, errors, fold."""
