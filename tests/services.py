"""Start the services for the tests, before Django reads its settings.

A temporary PostgreSQL for all processes (or the one of TEST_DATABASE_URL) and, for each test
process, a real Chroma server and the fake model service. `python -m pytest` loads this plugin
first.
"""

import atexit
import os
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fake_ai import CHAT_MODEL, EMBEDDING_MODEL, VISION_MODEL, FakeAI
from tests.janitor import Janitor
from wikico2.launcher.services.chroma import ChromaServer
from wikico2.launcher.services.postgres import PostgresServer

AI = FakeAI()
SLOWEST = [
    "test_fuzz.py",
    "test_generate.py",
    "test_transfer.py",
    "test_soak.py",
    "test_search_gold.py",
    "test_editing.py",
    "test_growth.py",
    "test_writers.py",
    "test_sources.py",
    "test_job_policies.py",
    "test_up.py",
    "test_interrupted.py",
    "test_ocr.py",
    "test_complete.py",
    "test_tasks.py",
    "test_exits.py",
    "test_life.py",
    "test_reading.py",
    "test_access.py",
    "test_search.py",
    "test_staleness.py",
    "test_proposal.py",
    "test_people.py",
    "test_upgrade.py",
    "test_whole_way.py",
    "test_markdown.py",
]
_running = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    folder = Path(tempfile.mkdtemp(prefix="worker-")) if is_worker else _run_folder()
    folder.chmod(0o755)  # PostgreSQL may run as another user
    (folder / "var" / "static").mkdir(parents=True)
    atexit.register(_running.close)
    if not is_worker:
        os.environ.update(_shared_services(folder))
    os.environ.update(_settings(folder))
    if is_worker or not early_config.known_args_namespace.numprocesses:
        os.environ.update(_process_services(folder))
    yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slowest files first, so that no process is still running one alone at the end."""
    slow = {name: rank for rank, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: slow.get(item.path.name, len(slow)))


def pytest_configure() -> None:
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import TransactionTestCase, client

    from tests.database import restore_tables
    from wikico2.clean_request import Request

    client.WSGIRequest = WSGIHandler.request_class = Request  # type: ignore[attr-defined]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    TransactionTestCase._fixture_teardown = restore_tables  # type: ignore[attr-defined]


def pytest_unconfigure() -> None:
    _running.close()


def chroma_port() -> int:
    """Return the port of the tests' own Chroma; a test may point the settings elsewhere."""
    return int(os.environ["CHROMA_PORT"])


def _run_folder() -> Path:
    """Create the folder for the temporary files of all processes of this run.

    The folders of `tmp_path` stay outside it, so that they can be inspected after a failure.
    """
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
    janitor = Janitor()
    _running.callback(janitor.close)
    os.environ["TMPDIR"] = tempfile.tempdir = str(janitor.folder / "tmp")
    return janitor.folder


def _shared_services(folder: Path) -> dict[str, str]:
    """Start the database for all processes; return its environment variables."""
    database = os.environ.get("TEST_DATABASE_URL", "")
    if not database:
        postgres = PostgresServer(folder / "postgres", fast=True)
        _running.callback(postgres.stop)
        database = postgres.start()
    _running.callback(_drop_template)
    return {"DATABASE_URL": database, "TEST_TEMPLATE": f"test_template_{os.getpid()}"}


def _drop_template() -> None:
    from tests.database import drop_template

    drop_template()


def _settings(folder: Path) -> dict[str, str]:
    return {
        "WIKICO2_VAR": str(folder / "var"),
        "CHROMA_TOKEN": "",
        "CHROMA_SSL": "false",
        "REDIS_URL": "",
        "S3_BUCKET": "",
        "SECRET_KEY": "secret of the tests",
        "DEBUG": "true",  # static files are served from their sources, not from collected copies
        "PUBLIC_SITE": "true",
        "SHOW_DRAFTS": "true",
        "OVH_API_KEY": "key of the tests",
        "EMBEDDING_BACKEND": "openai",
        "LLM_BACKEND": "local",
        "JUDGE_BACKEND": "none",
        "EMBEDDING_MODEL": EMBEDDING_MODEL,
        "LLM_MODEL": CHAT_MODEL,
        "VISION_BACKEND": "none",
        "VISION_MODEL": VISION_MODEL,
        "AI_TIMEOUT": "10",  # the fake service runs in the test process, which may be busy
        "AI_REQUESTS_PER_MINUTE": "0",
        "SEARCH_WAIT_SECONDS": "20",
        "AI_BACKOFF_SECONDS": "5",
        "MAX_UPLOAD_MB": "25",
        "LOG_LEVEL": "WARNING",
    }


def _process_services(folder: Path) -> dict[str, str]:
    """Start the services of this process alone; return their environment variables."""
    chroma = ChromaServer(folder / "chroma")
    _running.callback(chroma.stop)
    chroma.start()
    _running.callback(AI.start().stop)
    return {"CHROMA_HOST": chroma.host, "CHROMA_PORT": str(chroma.port), "AI_BASE_URL": AI.url}
