"""Which handler class a `type` of the rules file names: built in, an installed plug-in, or the user's own class."""

import difflib
import importlib
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from handlers.base import Handler
from handlers.errors import SettingsError

GROUP = "spapi_router.handlers"
"""The entry point group in which an installed package offers handlers."""

BUILT_IN = {
    "forward": "handlers.forward:ForwardHandler",
    "exec": "handlers.exec:ExecHandler",
    "file": "handlers.file:FileHandler",
    "log": "handlers.log:LogHandler",
    "spapi": "handlers.spapi_call:SpapiCallHandler",
    "order": "handlers.order:OrderHandler",
    "report": "handlers.report:ReportHandler",
}
"""Imported when first named, so that what a rules file does not use costs nothing."""

_PYTHON = "python:"


def names() -> list[str]:
    """Every type that can be named here: the built-in ones, then those of installed packages."""
    return [*BUILT_IN, *sorted({point.name for point in _offered()} - BUILT_IN.keys())]


def find(type_name: str) -> type[Handler[Any]]:
    """The class behind a `type`: a name of `names()`, or `python:package.module:Class`.

    A built-in name wins over an installed package's. Raises SettingsError, which says what to correct.
    """
    if type_name.startswith(_PYTHON):
        return _load(type_name.removeprefix(_PYTHON), type_name)
    if type_name in BUILT_IN:
        return _load(BUILT_IN[type_name], type_name)
    return _load(_entry_point(type_name).value, type_name)


def spapi() -> ModuleType:
    """The names of `handlers.spapi.service`: the SP-API client and its parts, imported when first asked for."""
    return importlib.import_module("handlers.spapi.service")


def _offered() -> Iterable[EntryPoint]:
    return entry_points(group=GROUP)


def _entry_point(type_name: str) -> EntryPoint:
    places = {point.value: point for point in _offered() if point.name == type_name}
    if not places:
        raise SettingsError(f"there is no handler type {type_name!r}{_suggestion(type_name)}")
    if len(places) > 1:
        raise SettingsError(
            f"handler type {type_name!r} is offered by several installed packages ({', '.join(sorted(places))}): "
            f'remove one, or name the class itself, like "{_PYTHON}{min(places)}"'
        )
    return next(iter(places.values()))


def _suggestion(type_name: str) -> str:
    known = names()
    close = difflib.get_close_matches(type_name, known, n=1)
    if close:
        return f": did you mean {close[0]!r}?"
    return f': use one of {", ".join(known)}, or "{_PYTHON}package.module:Class" for a class of your own'


def _load(place: str, type_name: str) -> type[Handler[Any]]:
    """The class at `package.module:Class`."""
    module_name, colon, class_name = place.partition(":")
    if not (colon and _is_dotted(module_name) and _is_dotted(class_name)):
        raise SettingsError(f'{type_name!r} names no class: write "{_PYTHON}package.module:Class"')
    found: Any = _import(module_name, type_name)
    for part in class_name.split("."):
        if not hasattr(found, part):
            raise SettingsError(f"{type_name!r}: module {module_name} has no {class_name}{_classes(found, part)}")
        found = getattr(found, part)
    return _checked(found, type_name)


def _is_dotted(name: str) -> bool:
    return bool(name) and all(part.isidentifier() for part in name.split("."))


def _import(module_name: str, type_name: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise SettingsError(
                f"{type_name!r}: there is no module {error.name}: install the package that holds it in this "
                "environment, or add its directory to PYTHONPATH"
            ) from None
        raise SettingsError(f"{type_name!r}: {module_name} needs a module that is missing: {error.name}") from error
    except (Exception, SystemExit) as error:
        raise SettingsError(
            f"{type_name!r}: module {module_name} fails when imported: {type(error).__name__}: {error}"
        ) from error


def _classes(holder: Any, missing: str) -> str:
    handlers = [name for name, value in vars(holder).items() if _is_handler(value) and value is not Handler]
    close = difflib.get_close_matches(missing, handlers, n=1) or handlers[:1]
    return f": did you mean {close[0]!r}?" if close else ""


def _is_handler(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Handler)


def _checked(found: Any, type_name: str) -> type[Handler[Any]]:
    if not _is_handler(found):
        raise SettingsError(f"{type_name!r} is not a handler: derive the class from handlers.base.Handler")
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise SettingsError(f"{type_name!r} cannot be used: the class does not define {', '.join(missing)}")
    settings = getattr(found, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, BaseModel)):
        raise SettingsError(
            f"{type_name!r}: {found.__name__}.Settings is not a pydantic model: "
            "derive it from handlers.base.HandlerSettings, or leave it out where there is nothing to set"
        )
    handler: type[Handler[Any]] = found
    return handler
