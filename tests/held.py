"""A test that never ends; `test_interrupted.py` starts it and interrupts the run."""

import os
import subprocess
import sys
import time
from pathlib import Path


def test_with_a_child_that_nobody_guards() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(600)", "child of held.py"]
    with subprocess.Popen(command, start_new_session=True):
        Path(os.environ["HELD"]).touch()
        time.sleep(600)
