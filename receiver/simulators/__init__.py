"""Stand-ins for Amazon's side and for a webhook receiver, on loopback: for demos and integration tests."""
