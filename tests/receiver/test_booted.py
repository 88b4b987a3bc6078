"""The service under systemd itself, from its installation to its end, as an operator meets it: booted.sh."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.faults.volume import NoVolume
from tests.receiver.machine import NoMachine, overlaid, run

RULES = """
[server]
listen = "127.0.0.1:8080"
admin = false
stop_grace = "5s"
[sns]
topics = ["arn:aws:sns:us-east-1:123456789012:sp-api-*"]
signers = [{ url = "http://127.0.0.1:4599/", certificate = "/etc/spapi-router/sns.pem" }]
[inbox]
database = "sqlite:///var/lib/spapi-router/inbox.db"
[handlers.keep]
type = "file"
path = "/var/lib/spapi-router/kept.jsonl"
[[rules]]
name = "all"
handlers = ["keep"]
"""
PROGRAM = """#!/usr/bin/python3
import sys
sys.path[:0] = ["/opt/spapi-router/checkout", "/opt/spapi-router/packages"]
from receiver.cli import main
sys.exit(main())
"""
PYTHON = Path("/usr/bin/python3")


def need_same_python() -> None:
    """The service sees no interpreter in a home directory: the system's must take the packages of this one."""
    code = "import sys; print(sys.version_info[:2] == eval(sys.argv[1]))"
    asked = [str(PYTHON), "-c", code, str(sys.version_info[:2])]
    if not PYTHON.exists() or subprocess.run(asked, capture_output=True, text=True, check=True).stdout != "True\n":
        pytest.skip(f"{PYTHON} is not of the version that the tests run with")


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_an_operator_and_the_service(root: Path, tmp_path: Path) -> None:
    need_same_python()
    proof = tmp_path / "proof"
    proof.mkdir()
    (proof / "rules.toml").write_text(RULES)
    console = tmp_path / "console"
    try:
        with overlaid(tmp_path / "machine") as machine:
            program = machine / "opt/spapi-router/bin/spapi-router"
            program.parent.mkdir(parents=True)
            program.write_text(PROGRAM)
            program.chmod(0o755)
            places = {
                proof: "/proof",
                root: "/opt/spapi-router/checkout",
                Path(sysconfig.get_paths()["purelib"]): "/opt/spapi-router/packages",
            }
            status = run(machine, "/bin/sh /opt/spapi-router/checkout/tests/receiver/booted.sh", places, console)
    except (NoMachine, NoVolume) as error:
        pytest.skip(str(error))
    if not (proof / "said").exists():
        pytest.skip(f"no machine boots here: {console.read_text('utf-8', 'replace')[-400:]}")
    said = (proof / "said").read_text()
    assert (status, said.splitlines()[-1]) == (0, "done"), said[-3000:]
    assert "Traceback" not in said
