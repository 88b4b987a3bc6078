"""The bill of materials of a release: CycloneDX JSON of what is installed with the program, from its lock file.

Source: the CycloneDX specification, version 1.6; written by cyclonedx-py, checked against its schema by that tool.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "packaging" / "runtime.lock"


def main() -> int:
    """Write `NAME-VERSION.cdx.json` into a directory."""
    parser = argparse.ArgumentParser(description="write the bill of materials")
    parser.add_argument("--output", type=Path, required=True, metavar="DIRECTORY")
    directory: Path = parser.parse_args().output
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / f"spapi-router-{version()}.cdx.json"
    text = subprocess.run([*command(), str(LOCK)], check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 - fixed
    bill = json.loads(text)
    # The tool reads no version that the build works out.
    bill["metadata"]["component"]["version"] = version()
    target.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", "utf-8")
    print(target)
    return 0


def command() -> list[str]:
    """The tool, which stands beside this Python."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    return [
        *(sys.executable, "-W", "ignore::UserWarning", str(tool), "requirements"),
        *("--output-reproducible", "--validate", "--spec-version", "1.6", "--output-format", "JSON"),
        *("--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application"),
    ]


def version() -> str:
    """The program's version, as the build reads it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = (ROOT / settings["tool"]["hatch"]["version"]["path"]).read_text("utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("__version__")]
    return line.split('"')[1]


if __name__ == "__main__":
    sys.exit(main())
