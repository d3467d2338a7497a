"""Packages for tests of environments: tiny, made here, found without a network."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_wheel(folder: Path, name: str, version: str, source: str, *needs: str) -> Path:
    """A package of one module, as a wheel in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {need}\n" for need in needs)
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), text)
    return wheel


def write_clash(folder: Path, version: str) -> Path:
    """A library of which two DAGs want different versions."""
    return write_wheel(folder, "tinyclash", version, f"VERSION = {version!r}\n")


SLOW_BACKEND = """
import os, pathlib, time, zipfile

PLACE = pathlib.Path({place!r})

def build_wheel(folder, config_settings=None, metadata_directory=None):
    (PLACE / "begun").write_text(str(os.getpid()))
    while not (PLACE / "go on").exists():
        time.sleep(0.02)
    info = "tinyslow-1.0.dist-info"
    with zipfile.ZipFile(f"{{folder}}/tinyslow-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tinyslow.py", "")
        archive.writestr(
            f"{{info}}/METADATA", "Metadata-Version: 2.1\\nName: tinyslow\\nVersion: 1.0\\n"
        )
        archive.writestr(
            f"{{info}}/WHEEL",
            "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        archive.writestr(f"{{info}}/RECORD", "")
    return "tinyslow-1.0-py3-none-any.whl"
"""


def write_slow_source(folder: Path, place: Path) -> None:
    """A package that says in ``place`` that it is being built (``begun``: a pid), and is not ready
    before there is a file ``go on``."""
    folder.mkdir(parents=True)
    place.mkdir(parents=True)
    (folder / "backend.py").write_text(SLOW_BACKEND.format(place=str(place)))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tinyslow"\nversion = "1.0"\n'
    )
