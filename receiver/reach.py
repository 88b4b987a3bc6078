"""Whether a file is there, where a user may not be allowed to know."""

from pathlib import Path

from receiver.errors import RouterError


def is_there(path: Path) -> bool:
    """Whether there is a file. Raises RouterError where that cannot be told."""
    try:
        return path.exists()
    except OSError as error:
        who = "; run as root, or as a user who may read it" if isinstance(error, PermissionError) else ""
        raise RouterError(f"{path} cannot be reached: {error.strerror}{who}") from None
