"""`type = "exec"`: run a command for each delivery, with the notification on its standard input."""

import errno
import os
import re
import shlex
import shutil
import signal
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, Field, ValidationInfo, field_validator

from handlers.base import Dead, Delivery, Done, Handler, HandlerContext, Outcome, Request, Retry
from handlers.bodies import BodyChoice, body_of
from handlers.errors import HandlerError, SettingsError, TemplateError
from handlers.named_values import NamedValues, TemplateOrSecret
from handlers.printable import printable
from handlers.process import KEPT, Command, Finished, run
from handlers.settings import HandlerSettings, PositiveDuration, RelativePath, Size
from handlers.template import Template

_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEFAULT_LANG = "C.UTF-8"
_FACTS = ("type", "notification_id", "seller_id", "marketplace_id", "event_time", "topic")
_PREFIX = "SPAPI_"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DASHED_FIELD = re.compile(r"-+\{(?!\{)")
_DATA_ERROR = 65
"""EX_DATAERR of sysexits.h: the input is wrong, and will be the next time."""


def _check_variables(variables: dict[str, Any]) -> dict[str, Any]:
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"{name!r} is not a variable's name: letters, digits and underscores make one")
        if name.startswith(_PREFIX):
            raise ValueError(f"{name} is not free: variables that begin with {_PREFIX} tell of the delivery")
    return variables


class ExecSettings(HandlerSettings):
    """The keys of an `exec` handler. A key stands after those that its check asks for."""

    allow_options: bool = False
    command: list[Template] = Field(min_length=1)
    env: Annotated[dict[str, TemplateOrSecret], AfterValidator(_check_variables)] = Field(default={})
    working_directory: RelativePath | None = None
    body: BodyChoice | None = None
    permanent: list[Annotated[int, Field(ge=1, le=255)]] = Field(default=[_DATA_ERROR])
    max_output: Size = 1 << 20
    grace: PositiveDuration = 5.0

    @field_validator("command")
    @classmethod
    def _fixed_program(cls, command: list[Template]) -> list[Template]:
        if command[0].fields:
            raise ValueError("the program is fixed: templates may stand in its arguments only")
        if not command[0].source:
            raise ValueError("the program is empty")
        return command

    @field_validator("command")
    @classmethod
    def _no_free_options(cls, command: list[Template], info: ValidationInfo) -> list[Template]:
        dashed = [part.source for part in command if _DASHED_FIELD.match(part.source)]
        if dashed and info.data.get("allow_options") is False:
            raise ValueError(
                f"{dashed[0]!r} lets a notification choose the option: write it out, or set allow_options = true"
            )
        return command


class ExecHandler(Handler[ExecSettings]):
    """Runs one process for each delivery. Exit code 0 is done; of the others, those in `permanent` are dead."""

    Settings: ClassVar[type[BaseModel]] = ExecSettings

    def __init__(self, settings: ExecSettings, context: HandlerContext) -> None:
        super().__init__(settings, context)
        self._variables = NamedValues("env", settings.env, _wrong, context.clock)
        self._basis = {
            "PATH": os.environ.get("PATH", _DEFAULT_PATH),
            "LANG": os.environ.get("LANG", _DEFAULT_LANG),
        }

    async def start(self) -> None:
        """Raises HandlerError where the program, the working directory or a secret is not there."""
        self._variables.check()
        directory = self.settings.working_directory
        if directory and not directory.is_dir():
            raise SettingsError(f"working_directory: {directory} is not a directory: create it, or name another")
        program = self.settings.command[0].text({})
        place = os.path.join(directory or "", program) if "/" in program else program  # noqa: PTH118 - keeps "./"
        if not shutil.which(place, path=self._variables_path()):
            raise SettingsError(f"command: {program} is not a program that can be run: install it, or chmod +x it")

    async def handle(self, delivery: Delivery) -> Outcome:
        """One run of the command; cancelling it ends the process and all it started."""
        try:
            command = self._command(delivery)
            given = body_of(delivery, self.settings.body).data
        except TemplateError as error:
            return Dead(str(error))
        except HandlerError as error:
            return Retry(str(error))
        try:
            return self._outcome(await run(command, given))
        except OSError as error:
            return _unstarted(command, error)

    def preview(self, delivery: Delivery) -> list[Request]:
        """The command line, its variables with `***` for secrets, and its standard input."""
        variables = self._variables.shown(delivery.document)
        body = body_of(delivery, self.settings.body).data.decode("utf-8", "replace")
        return [Request(shlex.join(self._arguments(delivery.document)), _facts(delivery) | variables, body)]

    def _variables_path(self) -> str:
        own = self.settings.env.get("PATH")
        return own.source if isinstance(own, Template) else self._basis["PATH"]

    def _command(self, delivery: Delivery) -> Command:
        settings = self.settings
        environment = self._basis | _facts(delivery) | self._variables.render(delivery.document)
        return Command(
            self._arguments(delivery.document),
            environment,
            settings.working_directory,
            settings.max_output,
            settings.grace,
        )

    def _arguments(self, document: Mapping[str, Any]) -> list[str]:
        return [self._argument(place, part, document) for place, part in enumerate(self.settings.command)]

    def _argument(self, place: int, part: Template, document: Mapping[str, Any]) -> str:
        """A value never becomes an option that the operator did not write."""
        text = part.text(document)
        if text.startswith("-") and not part.source.startswith("-") and not self.settings.allow_options:
            raise TemplateError(
                f"command: argument {place} becomes {text[:80]!r}, which the program could take for an option: write "
                f'"--name={part.source}" where it takes that, or set allow_options = true'
            )
        if wrong := _wrong(text):
            raise TemplateError(f"command: argument {place} holds {wrong}")
        return text

    def _outcome(self, finished: Finished) -> Outcome:
        shown = finished.errors or finished.output[:KEPT]
        if finished.code == 0:
            if not finished.whole:
                self.context.log.warning("result_too_long", extra={"facts": {"handler": self.context.name}})
            return _done(finished, shown)
        reason = f"{_ending(finished.code)}{_last_line(finished.errors)}"
        if finished.code in self.settings.permanent:
            return Dead(f"{reason}: permanent for this handler", finished.code, shown)
        return Retry(reason, None, finished.code, shown)


def _done(finished: Finished, shown: bytes) -> Done:
    detail = "exit code 0"
    if not finished.whole:
        detail += f": wrote more than max_output ({len(finished.output)} bytes), so there is no result to hand on"
    return Done(finished.output if finished.whole else None, 0, detail, shown)


def _facts(delivery: Delivery) -> dict[str, str]:
    """What a command may want to know, as variables. A value that no variable can hold is left out."""
    facts = {name: delivery.document.get(name) for name in _FACTS}
    facts |= {
        "delivery_id": delivery.webhook_id,
        "rule": delivery.rule,
        "handler": delivery.handler,
        "key": delivery.key,
        "attempt": str(delivery.attempt),
    }
    return {
        f"{_PREFIX}{name.upper()}": value
        for name, value in facts.items()
        if isinstance(value, str) and not _wrong(value)
    }


def _wrong(value: str) -> str | None:
    return "a NUL character, which no argument or variable can hold" if "\0" in value else None


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _last_line(errors: bytes) -> str:
    """The last line of standard error, printable and short."""
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    return f": {printable(lines[-1])}" if lines else ""


def _unstarted(command: Command, error: OSError) -> Outcome:
    program = command.arguments[0]
    if error.errno == errno.E2BIG:
        return Dead(f"{program}: arguments and variables are too long: hand long values over on standard input")
    return Retry(f"{error.filename or program} cannot be started: {error.strerror or error}")
