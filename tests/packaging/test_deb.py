"""The Debian package: what is in it, and the program as it is unpacked from it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb here"),
]
CLEAN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
EXPECTED = [
    "etc/spapi-router/rules.toml",
    "usr/bin/spapi-router",
    "usr/lib/systemd/system/spapi-router.service",
    "usr/lib/systemd/system/spapi-router.socket",
    "usr/lib/sysusers.d/spapi-router.conf",
    "usr/lib/tmpfiles.d/spapi-router.conf",
    "usr/share/bash-completion/completions/spapi-router",
    "usr/share/fish/vendor_completions.d/spapi-router.fish",
    "usr/share/man/man1/spapi-router.1.gz",
    "usr/share/man/man1/spapi-router-inbox.1.gz",
    "usr/share/zsh/vendor-completions/_spapi-router",
    "usr/share/doc/spapi-router/copyright",
    "usr/share/doc/spapi-router/docs/install.md",
]


def said(*command: object, **options: object) -> str:
    done = subprocess.run([*map(str, command)], check=False, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    output: str = done.stdout
    return output


@pytest.fixture(scope="module")
def package(root: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("deb")
    said(sys.executable, root / "packaging/build_deb.py", "--wheel", wheel, "--output", output)
    (built,) = output.glob("*.deb")
    return built


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package below a directory of its own, with Debian's Python where its link points to."""
    target = tmp_path_factory.mktemp("root")
    said("dpkg-deb", "--extract", package, target)
    link = target / "usr/lib/spapi-router/bin/python"
    name = link.readlink().name
    (target / "usr/bin" / name).symlink_to(f"/usr/bin/{name}")
    return target


def run(unpacked: Path, directory: Path, *arguments: str) -> str:
    python = unpacked / "usr/lib/spapi-router/bin/python"
    return said(
        python, unpacked / "usr/lib/spapi-router/bin/spapi-router", *arguments, cwd=directory, env=CLEAN, timeout=100
    )


def test_the_package_has_all_of_its_parts(package: Path, unpacked: Path) -> None:
    missing = [place for place in EXPECTED if not os.path.lexists(unpacked / place)]
    assert missing == []
    fields = said("dpkg-deb", "--field", package, "Package", "Depends")
    assert "Package: spapi-router" in fields
    assert "ca-certificates" in fields
    listing = said("dpkg-deb", "--contents", package)
    assert {line.split()[1] for line in listing.splitlines()} == {"root/root"}
    assert not [line for line in listing.splitlines() if "__pycache__" in line or "tests/" in line.split()[-1][:30]]


def test_the_rules_file_is_a_conffile_and_passes_the_check(package: Path, unpacked: Path, tmp_path: Path) -> None:
    control = tmp_path / "control"
    said("dpkg-deb", "--control", package, control)
    assert (control / "conffiles").read_text() == "/etc/spapi-router/rules.toml\n"
    for script in ("postinst", "prerm", "postrm"):
        assert (control / script).stat().st_mode & 0o777 == 0o755
        said("sh", "-n", control / script)
        assert "@" not in (control / script).read_text()
    assert "ok, 1 rule, 1 handler" in run(unpacked, tmp_path, "check", str(unpacked / "etc/spapi-router/rules.toml"))


def test_the_program_runs_by_debians_python(unpacked: Path, tmp_path: Path) -> None:
    assert run(unpacked, tmp_path, "--version").startswith("spapi-router")
    assert "5" in run(unpacked, tmp_path, "demo", "--count", "5")
    assert (unpacked / "usr/bin/spapi-router").resolve() == unpacked / "usr/lib/spapi-router/bin/spapi-router"


def test_the_units_are_fit_for_every_systemd(unpacked: Path, tmp_path: Path) -> None:
    service = (unpacked / "usr/lib/systemd/system/spapi-router.service").read_text()
    assert "\nType=notify\n" in service
    assert "\nExecReload=/bin/kill -HUP $MAINPID\n" in service
    assert "\nExecReload=/usr/bin/spapi-router check /etc/spapi-router/rules.toml\n" in service
    assert "\nExecStart=/usr/bin/spapi-router serve --config /etc/spapi-router/rules.toml\n" in service
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze here")
    (tmp_path / "spapi-router.service").write_text(service.replace("/usr/bin/spapi-router", "/bin/true"))
    shutil.copy(unpacked / "usr/lib/systemd/system/spapi-router.socket", tmp_path)
    said(analyze, "verify", "--man=no", tmp_path / "spapi-router.service", tmp_path / "spapi-router.socket")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The root of an empty machine, as dpkg takes one."""
    if os.geteuid() != 0:
        pytest.skip("dpkg installs as root")
    machine = tmp_path / "machine"
    for place in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc", "usr/lib/sysusers.d"):
        (machine / place).mkdir(parents=True)
    (machine / "var/lib/dpkg/status").touch()
    return machine


def dpkg(machine: Path, *arguments: object) -> str:
    options = ["--force-script-chrootless", "--force-depends", "--force-confold"]
    return said(
        "dpkg", f"--root={machine}", *options, *arguments, env={**CLEAN, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    )


def test_it_is_installed_upgraded_removed_and_purged(package: Path, machine: Path) -> None:
    first = dpkg(machine, "--install", package)
    assert "systemctl enable --now spapi-router.socket spapi-router.service" in first
    rules, secrets = machine / "etc/spapi-router/rules.toml", machine / "etc/spapi-router/secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert "spapi-router:" in (machine / "etc/passwd").read_text()
    compiled = list((machine / "usr/lib/spapi-router/lib").rglob("__pycache__/daemon.*.pyc"))
    assert compiled
    rules.write_text(rules.read_text() + "# mine\n")
    (secrets / "erp").write_text("secret")
    assert "systemctl enable" not in dpkg(machine, "--install", package), "an upgrade gives no first advice"
    assert rules.read_text().endswith("# mine\n"), "an upgrade leaves a changed rules file alone"
    dpkg(machine, "--remove", "spapi-router")
    assert not (machine / "usr/lib/spapi-router").exists()
    assert rules.exists()
    assert "/etc/spapi-router/secrets is kept" in dpkg(machine, "--purge", "spapi-router")
    assert not rules.exists()
    assert (secrets / "erp").read_text() == "secret"


@pytest.mark.parametrize(("program", "stays"), [("/usr/lib/spapi-router/bin", False), ("/opt/spapi-router/bin", True)])
def test_a_written_unit_starts_nothing_that_was_removed(
    package: Path, machine: Path, program: str, stays: bool
) -> None:
    dpkg(machine, "--install", package)
    unit = machine / "etc/systemd/system/spapi-router.service"
    link = unit.parent / "multi-user.target.wants" / unit.name
    link.parent.mkdir(parents=True)
    unit.write_text(f"[Service]\nExecStart={program}/spapi-router serve\n")
    link.symlink_to(unit)
    assert ("are kept, and disabled" in dpkg(machine, "--remove", "spapi-router")) is not stays
    assert unit.exists()
    assert link.is_symlink() is stays


def test_lintian_has_nothing_against_it(package: Path) -> None:
    lintian = shutil.which("lintian")
    if lintian is None:
        pytest.skip("there is no lintian here")
    assert said(lintian, "--fail-on", "error,warning", "--allow-root", package) == ""
