"""Every fault an upstream can have, against every kind of request: what must the client see?"""
