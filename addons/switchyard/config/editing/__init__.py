"""Changes a configuration file in place: only the text of what changes is written anew."""
