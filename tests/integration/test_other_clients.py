"""Clients that know nothing of Python's client: TypeScript, and gRPC reflection."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from integration.running_stack import RunningStack

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
NO_NETWORK = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")


def test_reflection_is_enough(stack: RunningStack) -> None:
    script = str(EXAMPLES / "submit_by_reflection.py")
    done = subprocess.run(
        # -I: neither the environment nor this folder helps it to Millstream's own code.
        [sys.executable, "-I", script, stack.address],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "DagService" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("RunSucceeded ")
    tasks = stack.client().list_task_instances(
        next(stack.client().list_runs("from_reflection", limit=1))
    )
    assert [(task.task_id, task.state) for task in tasks] == [
        ("extract", "success"),
        ("report", "success"),
    ]


def test_typescript(stack: RunningStack, tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("NO NODE HERE: examples/typescript is not tried")
    folder = tmp_path / "a copy"
    ignored = shutil.ignore_patterns("node_modules", "dist", "generated")
    shutil.copytree(EXAMPLES / "typescript", folder, ignore=ignored)
    environment = dict(os.environ) | {"PROTO_DIR": str(ROOT / "proto")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [npm, *words],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    installed = run("ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    if installed.returncode != 0 and any(word in installed.stderr for word in NO_NETWORK):
        pytest.skip(f"NO NPM REGISTRY HERE: examples/typescript is not tried: {installed.stderr}")
    assert installed.returncode == 0, installed.stderr
    built = run("run", "build")
    assert built.returncode == 0, built.stdout + built.stderr
    done = run("start", "--", stack.address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "DAG from_typescript is version" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" RunSucceeded")
    assert (
        stack.client().xcom(next(stack.client().list_runs("from_typescript", limit=1)), "double")
        == "42"
    )
