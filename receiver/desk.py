"""The explainer of the rules file in force, built once for each."""

from collections.abc import Callable

from receiver.config import Configuration
from receiver.explanation import Explainer


class Desk:
    """Hands out the explainer; a reload of the rules file makes a new one."""

    def __init__(self, config: Callable[[], Configuration]) -> None:
        self._config = config
        self._known: tuple[Configuration, Explainer] | None = None

    def explainer(self) -> Explainer:
        """The explainer of the rules of now."""
        config = self._config()
        if self._known is None or self._known[0] is not config:
            self._known = (config, Explainer(config))
        return self._known[1]
