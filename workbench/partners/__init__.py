"""Partners: what providers are told of their secrets, and how it reaches them."""
