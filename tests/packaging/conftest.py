from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the source distribution, and from it, as an index's users do, the wheel."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "wheel")  # noqa: S202  # made a moment ago, by us
    with tarfile.open(sdist) as archive:
        archive.extractall(out / "sdist", filter="data")
    return out


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    """Return the wheel, unpacked."""
    return built / "wheel"


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    """Return the source distribution, unpacked."""
    (unpacked,) = (built / "sdist").iterdir()
    return unpacked
