"""The bill of materials: every locked package with its version and its hashes, and no other."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from receiver import __version__

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bill(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What `make dist` writes, by the tools of `make tools`."""
    output = tmp_path_factory.mktemp("sbom")
    subprocess.run(["make", "tools"], cwd=root, check=True, capture_output=True)
    tools = root / "build" / "tools" / "bin" / "python"
    script = root / "packaging" / "sbom.py"
    subprocess.run([str(tools), str(script), "--output", str(output)], check=True, capture_output=True)
    (written,) = output.iterdir()
    assert written.name == f"spapi-router-{__version__}.cdx.json"
    return json.loads(written.read_text("utf-8"))


def locked(root: Path) -> dict[str, tuple[str, set[str]]]:
    """Version and hashes of each package of the lock file."""
    text = (root / "packaging" / "runtime.lock").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
    found = [re.match(r"([\w.-]+)==([^\s;]+)", line) for line in lines]
    return {
        match[1]: (match[2], set(re.findall(r"sha256:(\w+)", line)))
        for match, line in zip(found, lines, strict=True)
        if match
    }


def test_it_is_of_this_program(bill: Any) -> None:
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    component = bill["metadata"]["component"]
    assert (component["name"], component["version"]) == ("spapi-router", __version__)


def test_it_names_what_is_locked(bill: Any, root: Path) -> None:
    named = {}
    for component in bill["components"]:
        references = component["externalReferences"]
        hashes = {each["content"] for reference in references for each in reference.get("hashes", ())}
        named[component["name"]] = (component["version"], hashes)
    assert named == locked(root)
    assert len(named) > 20
