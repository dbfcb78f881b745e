"""Kills and faults, the short form of `make soak`: the same real processes, fewer documents."""

import subprocess
import sys

import pytest

from tests.worker import ROOT


@pytest.mark.soak
def test_kills_and_faults_change_nothing() -> None:
    """See `bench.soak`: it compares rows, kept vectors and Chroma with an undisturbed run."""
    short = ["--short", "--documents", "2", "--pages", "1", "--kills", "4", "--seed", "3"]
    run = subprocess.run(
        [sys.executable, "-m", "bench.soak", *short],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr[-4000:]
    assert "The same rows and vectors." in run.stdout
