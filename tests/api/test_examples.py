"""The curl examples of the documentation run as they stand."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from pytest_django.live_server_helper import LiveServer

from api.models import Token
from api.site import api
from sheets.models import Revision, Sheet
from tests.conftest import AIR, make_pdf
from wikico2.accounts.roles import CONTRIBUTOR
from wikico2.models import User


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.django_db(transaction=True)
def test_the_examples_run(live_server: LiveServer, tmp_path: Path) -> None:
    user = User.objects.create_user("claire")
    user.groups.add(Group.objects.get(name=CONTRIBUTOR))
    _token, secret = Token.issue(user, "exemples", scope=Token.Scope.WRITE)
    (tmp_path / "guide.pdf").write_bytes(make_pdf(AIR, title="Guide"))
    (script,) = re.findall(r"```sh\n(.*?)```", api.description, re.DOTALL)
    strict = 'set -e\ncurl() { command curl -sS --fail-with-body "$@"; echo; }\n'
    shell = shutil.which("bash") or "/bin/bash"
    run = subprocess.run(
        [shell, "-c", strict + script],
        cwd=tmp_path,
        env={**os.environ, "SITE": live_server.url, "TOKEN": secret, "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("\n") == 7
    assert Sheet.objects.count() == 2
    assert "Un autre texte." in Revision.objects.get(number=2).body
