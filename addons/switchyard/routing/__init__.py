"""Model names to plans and routes; payload rules. Pure."""
