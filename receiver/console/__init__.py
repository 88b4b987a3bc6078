"""The console: pages on the admin listener for the people who look after a daemon."""
