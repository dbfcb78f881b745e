"""A client that openapi-python-client generates does the whole way: ingest, wait, read, edit."""

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from pytest_django.live_server_helper import LiveServer

from api.models import Token
from tests.conftest import AIR, make_pdf, run_queue
from wikico2.accounts.roles import CONTRIBUTOR
from wikico2.models import User

WRITTEN = Path(__file__).parent / "openapi.json"
NAME = "wikico2_client"
FILE = "application/octet-stream"
CONFIG = {
    "package_name_override": NAME,
    "post_hooks": [],
    # The generator knows few media types: these are bytes and texts to it.
    "content_type_overrides": {
        "application/zip": FILE,
        "image/webp": FILE,
        "text/markdown": "text/html",
    },
}


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Generate the client from the contract, and make it importable."""
    folder = tmp_path_factory.mktemp("client")
    config = folder / "config.json"
    config.write_text(json.dumps(CONFIG))
    command = [
        Path(sys.executable).with_name("openapi-python-client"), "generate", "--path", WRITTEN,
        "--meta", "none", "--output-path", folder / NAME, "--config", config,
    ]  # fmt: skip
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "WARNING" not in run.stdout + run.stderr
    sys.path.insert(0, str(folder))
    yield NAME
    sys.path.remove(str(folder))


def operation(group: str, name: str) -> Any:
    return importlib.import_module(f"{NAME}.api.{group}.{name}")


@pytest.mark.django_db(transaction=True)
def test_it_ingests_a_pdf_waits_reads_and_edits(live_server: LiveServer, generated: str) -> None:
    user = User.objects.create_user("claire")
    user.groups.add(Group.objects.get(name=CONTRIBUTOR))
    _token, secret = Token.issue(user, "client", scope=Token.Scope.WRITE)
    package = importlib.import_module(generated)
    models = importlib.import_module(f"{generated}.models")
    types = importlib.import_module(f"{generated}.types")
    client = package.AuthenticatedClient(base_url=live_server.url, token=secret)

    file = types.File(BytesIO(make_pdf(AIR, title="Guide")), "guide.pdf", "application/pdf")
    form = models.SourcesAddSourceMultiPartBodyParams(file=file)
    source = operation("sources", "sources_add_source").sync(client=client, body=form).source
    given = models.SheetIn(type_="solution", title="Air comprimé", sources=[source.id])
    made = operation("sheets", "sheets_create").sync(client=client, body=given)
    job = int(made.job.rpartition("/")[2])
    state = operation("jobs", "jobs_read_job").sync(job, client=client).state
    assert state == "waiting"
    run_queue()
    assert operation("jobs", "jobs_read_job").sync(job, client=client).state == "done"
    sheet = operation("sheets", "sheets_read").sync(made.slug, client=client)
    assert sheet.version == 1
    edit = models.EditIn(base=sheet.version, markdown=f"En bref.\n\n{sheet.markdown}")
    saved = operation("sheets", "sheets_edit").sync(made.slug, client=client, body=edit)
    assert saved.version == 2
    stale = operation("sheets", "sheets_edit").sync_detailed(made.slug, client=client, body=edit)
    assert stale.status_code == 409
    assert stale.parsed.code == "stale_base"
