"""Rules that several formats share."""
