"""The JSON API on the admin listener, described by its OpenAPI document at /api/v1/openapi.json."""

from receiver.api.api import Api

__all__ = ["Api"]
