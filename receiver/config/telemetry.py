"""`[telemetry]`: where OpenTelemetry traces are sent."""

import importlib.util
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from handlers.base import PositiveDuration, Secret
from receiver.config.settings import Section
from receiver.config.values import WebUrl

_PATH = "/v1/traces"

HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")]


class TelemetrySettings(Section):
    """`[telemetry]`: traces by OTLP over HTTP. Without this section nothing of OpenTelemetry is loaded."""

    endpoint: WebUrl
    """The collector, like http://127.0.0.1:4318; /v1/traces is added where the URL has no path (OTLP specification)."""
    headers: dict[HeaderName, Secret] = Field(default={})
    """Sent with each request, such as a collector's key."""
    sample: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of notifications that are traced."""
    service: Annotated[str, Field(min_length=1, max_length=100)] = "spapi-router"
    """The `service.name` of the traces."""
    timeout: PositiveDuration = 10.0
    """Of a request to the collector."""

    @property
    def url(self) -> str:
        """Where spans are posted to."""
        path = urlsplit(self.endpoint).path
        return self.endpoint if path.strip("/") else self.endpoint.rstrip("/") + _PATH

    @model_validator(mode="after")
    def _installed(self) -> Self:
        if importlib.util.find_spec("opentelemetry") is None:
            raise ValueError("traces need OpenTelemetry: run pip install 'spapi-router[otel]', or remove [telemetry]")
        return self
