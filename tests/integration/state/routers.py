"""Routers that share state, as processes, with upstreams that note what reached them."""
