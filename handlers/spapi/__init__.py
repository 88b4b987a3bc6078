"""Amazon's Selling Partner API: its operations, tokens, usage plans, and a client that keeps to all of them."""
