"""What keeps a request from doing harm: headers, tokens, proof of origin, limits."""
