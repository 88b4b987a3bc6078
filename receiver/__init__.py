"""spapi-router: receives, proves, keeps and routes Selling Partner API notifications."""

__version__ = "0.1.0"
