"""Errors that handlers and their settings raise."""


class HandlerError(Exception):
    """Base of everything this package raises on purpose."""


class SettingsError(HandlerError):
    """A handler's settings cannot be used."""


class TemplateError(HandlerError):
    """A template cannot be parsed, or a field it names is missing from the document."""
