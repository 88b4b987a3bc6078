"""A .deb of a built wheel: `build_deb.py --wheel dist/*.whl --output dist`. Needs pip and dpkg-deb; no root.

The package holds a virtual environment of its own below /usr/lib/spapi-router with the locked dependencies, so that it
shares nothing with Debian's Python but the interpreter; hence it is for one version of it (`--python`).
Sources: the Debian Policy Manual (chapters 5 to 7 and 9 to 12), PEP 405 (virtual environments), deb-conffiles(5),
dch(1).
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from man_page import pages

from receiver import __version__
from receiver.cli.completion import script
from receiver.units import Machine, fitted, templates

ROOT = Path(__file__).parents[1]
PARTS = ROOT / "packaging" / "deb"
NAME = "spapi-router"
_NOBODY = "maintainers@spapi-router.invalid"
"""An address that no mail reaches (RFC 2606), where nobody says whose package it is."""
LIBRARY = Path("usr/lib") / NAME
_OLDEST_SYSTEMD = 247
_COMPLETIONS = {
    "bash": f"usr/share/bash-completion/completions/{NAME}",
    "zsh": f"usr/share/zsh/vendor-completions/_{NAME}",
    "fish": f"usr/share/fish/vendor_completions.d/{NAME}.fish",
}
_UNITS = {
    "spapi-router.service": "usr/lib/systemd/system/spapi-router.service",
    "spapi-router.socket": "usr/lib/systemd/system/spapi-router.socket",
    "spapi-router.tmpfiles.conf": "usr/lib/tmpfiles.d/spapi-router.conf",
    "spapi-router.sysusers.conf": "usr/lib/sysusers.d/spapi-router.conf",
}


@dataclass(frozen=True, slots=True)
class Build:
    """What is built: of which wheel, for which Python (like "3.11") and Debian architecture, in which directory."""

    wheel: Path
    python: str
    architecture: str
    root: Path

    @property
    def environment(self) -> Path:
        """The virtual environment."""
        return self.root / LIBRARY

    def put(self, place: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the package."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(mode)

    def squeeze(self, place: str, text: str) -> None:
        """Write a file of the package, compressed: without a time or a name, so that builds are alike."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(text.encode(), mtime=0))


def main() -> int:
    """Build the package that the command line asks for, and say where it is."""
    options = _options()
    if shutil.which("dpkg-deb") is None:
        sys.exit("build_deb.py: there is no dpkg-deb here: apt-get install dpkg-dev")
    options.output.mkdir(parents=True, exist_ok=True)
    target: Path = options.output / f"{NAME}_{__version__}_{options.architecture}.deb"
    with tempfile.TemporaryDirectory() as place:
        root = Path(place) / "root"
        root.mkdir(mode=0o755)
        fill(Build(options.wheel, options.python, options.architecture, root))
        pack(root, target)
    print(target)
    return 0


def fill(build: Build) -> None:
    """Lay out the package's tree."""
    install(build)
    launcher(build)
    service(build)
    documentation(build)
    control(build)


def install(build: Build) -> None:
    """The virtual environment, with what the lock file names and the wheel; compiled on the machine it goes to."""
    packages = build.environment / "lib" / f"python{build.python}" / "site-packages"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--target", str(packages)]
    only = ["--only-binary=:all:", "--python-version", build.python, "--implementation", "cp"]
    locked = ["--require-hashes", "--requirement", str(ROOT / "packaging" / "runtime.lock")]
    subprocess.run([*pip, *only, *locked], check=True)  # noqa: S603 - fixed
    subprocess.run([*pip, str(build.wheel)], check=True)  # noqa: S603 - fixed
    shutil.rmtree(packages / "bin", ignore_errors=True)
    for path in packages.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def launcher(build: Build) -> None:
    """What makes a virtual environment of the directory, and the command."""
    configuration = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {build.python}\n"
    build.put(str(LIBRARY / "pyvenv.cfg"), configuration)
    binaries = build.environment / "bin"
    binaries.mkdir()
    (binaries / "python").symlink_to(Path("../../../bin") / f"python{build.python}")
    main = "import sys\n\nfrom receiver.cli import main\n\nsys.exit(main())\n"
    build.put(str(LIBRARY / "bin" / NAME), f"#!/{LIBRARY}/bin/python\n{main}", 0o755)
    command = build.root / "usr/bin" / NAME
    command.parent.mkdir(parents=True)
    command.symlink_to(Path("..") / "lib" / NAME / "bin" / NAME)


def service(build: Build) -> None:
    """The units as every systemd from 247 on reads them, the user, and the rules file to begin with."""
    machine = Machine(Path("/usr/bin") / NAME, Path("/etc/spapi-router/rules.toml"), _OLDEST_SYSTEMD)
    for name, text in fitted(templates(), machine, None).items():
        build.put(_UNITS[name], text)
    build.put("etc/spapi-router/rules.toml", (PARTS / "rules.toml").read_text("utf-8"))


def documentation(build: Build) -> None:
    """Manual pages, completions, the documentation and the examples."""
    for name, text in pages().items():
        build.squeeze(f"usr/share/man/man1/{name}.gz", text)
    for shell, place in _COMPLETIONS.items():
        build.put(place, script(shell))
    place = f"usr/share/doc/{NAME}"
    build.put(f"{place}/copyright", (PARTS / "copyright").read_text("utf-8"))
    build.squeeze(f"{place}/changelog.gz", changelog())
    for page in (ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md", "rules.toml")):
        build.put(f"{place}/{page.name}", page.read_text("utf-8"))
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("docs", "examples"):
        shutil.copytree(ROOT / folder, build.root / place / folder, ignore=ignored)
    build.put(f"usr/share/lintian/overrides/{NAME}", (PARTS / "lintian-overrides").read_text("utf-8"))


def changelog() -> str:
    """The package's own changelog, which has one entry: the program's is CHANGELOG.md beside it."""
    date = format_datetime(datetime.fromtimestamp(int(epoch()), UTC))
    entry = f"  * Version {__version__} of spapi-router: see CHANGELOG.md in this directory."
    return f"{NAME} ({__version__}) unstable; urgency=medium\n\n{entry}\n\n -- {maintainer()}  {date}\n"


def maintainer() -> str:
    """Who answers for the package: DEBEMAIL and DEBFULLNAME of the environment, as Debian's own tools read them."""
    address = os.environ.get("DEBEMAIL") or _NOBODY
    return address if "<" in address else f"{os.environ.get('DEBFULLNAME') or f'{NAME} maintainers'} <{address}>"


def control(build: Build) -> None:
    """What dpkg reads: fields, sums, conffiles and the maintainer's scripts."""
    files = sorted(path for path in build.root.rglob("*") if path.is_file() and not path.is_symlink())
    size = sum(path.stat().st_size for path in files) // 1024 + 1
    build.put("DEBIAN/control", fields(build, size))
    build.put("DEBIAN/conffiles", "/etc/spapi-router/rules.toml\n")
    sums = [f"{_sum(path)}  {path.relative_to(build.root)}\n" for path in files if not _in_etc(path, build.root)]
    build.put("DEBIAN/md5sums", "".join(sums))
    for name in ("postinst", "prerm", "postrm"):
        text = (PARTS / name).read_text("utf-8")
        build.put(f"DEBIAN/{name}", text.replace("@PYTHON@", f"python{build.python}"), 0o755)


def fields(build: Build, size: int) -> str:
    """The control file; `size` is in KiB."""
    major, minor = (int(part) for part in build.python.split("."))
    text = (PARTS / "control").read_text("utf-8")
    values = {
        "@MAINTAINER@": maintainer(),
        "@VERSION@": __version__,
        "@ARCHITECTURE@": build.architecture,
        "@SIZE@": str(size),
        "@PYTHON@": f"python{build.python}",
        "@SINCE@": f"{major}.{minor}",
        "@BEFORE@": f"{major}.{minor + 1}",
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def pack(root: Path, target: Path) -> None:
    """Make the archive; all files are root's, and no newer than the last commit where that is known."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch()}
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(target)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="build the Debian package of a wheel")
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, metavar="DIRECTORY")
    parser.add_argument("--python", default=_debian_python(), help="Debian's Python to build for (%(default)s)")
    parser.add_argument("--architecture", default=_said("dpkg", "--print-architecture"), help="(%(default)s)")
    return parser.parse_args()


def _debian_python() -> str:
    """The version of Debian's own interpreter on this machine, else of the one that runs this."""
    debian = Path("/usr/bin/python3")
    program = str(debian) if debian.exists() else sys.executable
    return _said(program, "-c", "import sys; print(f'{sys.version_info[0]}.{sys.version_info[1]}')")


def epoch() -> str:
    """The time that the package is of, so that it can be built again: the last commit's, 0 outside of a checkout."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return given or _said("git", "-C", str(ROOT), "log", "-1", "--format=%ct") or "0"


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - fixed
    except FileNotFoundError:
        return ""


def _sum(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _in_etc(path: Path, root: Path) -> bool:
    return path.is_relative_to(root / "etc")


if __name__ == "__main__":
    sys.exit(main())
