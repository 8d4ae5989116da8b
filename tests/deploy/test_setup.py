"""What the set-up script does about Debian packages; the programs that it calls are stand-ins."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "local" / "setup.sh"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Return a function that runs ``setup.sh packages`` on a machine of stand-ins."""
    stubs = {
        "id": 'echo "$UID_TOLD"',
        "apt-get": 'echo "$@" >>calls; [ -x policy ] && echo held >>calls; exit "$APT_STATUS"',
        "dpkg": '[ "$2" = there ]',
        "present": "",
    }
    for name, body in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    for name in ("sh", "rm", "chmod", "cat"):
        (tmp_path / name).symlink_to(f"/bin/{name}")

    def packages(*arguments: str, user: int = 0, apt_status: int = 0) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": str(tmp_path),
            "UID_TOLD": str(user),
            "APT_STATUS": str(apt_status),
            "POLICY_RC_D": "policy",
        }
        command = ["/bin/sh", str(SCRIPT), "packages", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)  # noqa: S603 - our own script

    return packages


def test_what_is_there_is_not_installed(run: Run, tmp_path: Path):
    done = run("present:some-package", ":there")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / "calls").exists()


def test_what_is_missing_is_installed_with_its_services_held_back(run: Run, tmp_path: Path):
    done = run("present:some-package", "prometheus:prometheus", ":fonts")
    assert done.returncode == 0
    assert done.stdout == "setup: installing the Debian packages prometheus fonts\n"
    update, held, install, still = (tmp_path / "calls").read_text().splitlines()
    assert update.startswith("update")
    assert install.startswith("install")
    assert install.endswith(" prometheus fonts")
    assert held == still == "held"
    assert not (tmp_path / "policy").exists()


def test_the_machines_own_policy_is_kept(run: Run, tmp_path: Path):
    (tmp_path / "policy").write_text("#!/bin/sh\nexit 0\n")
    run("prometheus:prometheus")
    assert (tmp_path / "policy").exists()


def test_without_root_the_packages_are_named(run: Run):
    done = run("prometheus:prometheus", ":fonts", user=1_000)
    assert done.returncode == 1
    assert done.stderr == (
        "setup: missing Debian packages: prometheus fonts (as root: apt-get install prometheus fonts)\n"
    )


def test_an_optional_package_is_done_without(run: Run):
    done = run("-o", "prometheus:prometheus", user=1_000)
    assert done.returncode == 0
    assert done.stderr.endswith("(as root: apt-get install prometheus); going on without\n")


def test_a_failing_apt_get_is_one_sentence(run: Run, tmp_path: Path):
    done = run("prometheus:prometheus", apt_status=100)
    assert done.returncode == 1
    assert done.stderr == "setup: apt-get could not install prometheus\n"
    assert not (tmp_path / "policy").exists()
