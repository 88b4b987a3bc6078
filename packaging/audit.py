"""Known vulnerabilities of the locked dependencies: `audit.py LOCK...`, by pip-audit and PyPI's advisories.

Exit 0 where there are none, 1 where there are, 2 where the audit itself failed, and 0 with a plain word where the
advisories cannot be had (a build without a network must not fail for that); `--strict` makes that 75, EX_TEMPFAIL of
sysexits.h.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

_FAILED, _UNREACHABLE = 2, 75
_SECONDS = 300
_NETWORK = re.compile(r"(Connection|Proxy|Timeout|SSL|Resolution|Service)Error|Timeout|Failed to resolve")


def main() -> int:
    """Audit the lock files named on the command line."""
    parser = argparse.ArgumentParser(description="look for known vulnerabilities of locked dependencies")
    parser.add_argument("lock", type=Path, nargs="+")
    parser.add_argument("--strict", action="store_true", help="fail too where the advisories cannot be had")
    options = parser.parse_args()
    return max(audited(lock, options.strict) for lock in options.lock)


def audited(lock: Path, strict: bool) -> int:
    """Audit one lock file and say what was found; the exit code."""
    try:
        done = subprocess.run(command(lock), capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S603
    except subprocess.TimeoutExpired:
        return unreachable(lock, f"no answer within {_SECONDS} s", strict)
    except FileNotFoundError as error:
        return failed(lock, f"there is no {error.filename}: run it as `make audit`")
    try:
        report = json.loads(done.stdout)
    except ValueError:
        why = last_line(done.stderr)
        return unreachable(lock, why, strict) if _NETWORK.search(why) else failed(lock, why)
    return judged(lock, report["dependencies"], strict)


def judged(lock: Path, dependencies: list[dict[str, Any]], strict: bool) -> int:
    """Print what pip-audit found of each package; the exit code. One that it skipped was not audited."""
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    found = [line for each in dependencies for line in vulnerabilities(each)]
    for line in found:
        print(line)
    if found:
        return 1
    if skipped or not dependencies:
        names = ", ".join(skipped[:5]) + (f" and {len(skipped) - 5} more" if len(skipped) > 5 else "")
        return unreachable(lock, f"the index has no word on {names or 'anything'}", strict)
    print(f"{lock}: {len(dependencies)} packages audited, no known vulnerability")
    return 0


def vulnerabilities(dependency: dict[str, Any]) -> list[str]:
    """A line for each finding about one package."""
    name = f"{dependency['name']} {dependency.get('version', '')}"
    found = dependency.get("vulns", ())
    return [f"{name}: {each['id']}, fixed in {', '.join(each['fix_versions']) or 'no version yet'}" for each in found]


def command(lock: Path) -> list[str]:
    """pip-audit, which stands beside this Python; nothing is installed, all hashes are demanded."""
    tool = Path(sys.executable).with_name("pip-audit")
    return [
        *(str(tool), "--requirement", str(lock), "--require-hashes", "--disable-pip"),
        *("--format", "json", "--progress-spinner", "off", "--timeout", "10"),
    ]


def unreachable(lock: Path, why: str, strict: bool) -> int:
    """Say that not all was looked at."""
    print(f"{lock}: NOT AUDITED, the advisories cannot be had: {why}", file=sys.stderr)
    return _UNREACHABLE if strict else 0


def failed(lock: Path, why: str) -> int:
    """Say that the audit itself went wrong."""
    print(f"{lock}: the audit failed: {why}", file=sys.stderr)
    return _FAILED


def last_line(text: str) -> str:
    """What a program said last."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")[:300]


if __name__ == "__main__":
    sys.exit(main())
