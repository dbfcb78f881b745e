"""The real services that the tests run on, started before Django reads its settings.

A throw-away PostgreSQL (or the one that TEST_DATABASE_URL names), a real Chroma server, and the
project's own fake of the model service. `python -m pytest` loads this file first.
"""

import atexit
import importlib
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pytest_django.plugin import blocking_manager_key

from tests.fake_ai import CHAT_MODEL, EMBEDDING_MODEL, VISION_MODEL, FakeAI
from wikico2.embedded.chroma import ChromaServer
from wikico2.embedded.postgres import PostgresServer

AI = FakeAI()
SEEDS = [
    "sheets.migrations.0003_seed_types",
    "sheets.migrations.0008_seed_prompt",
    "ingestion.migrations.0006_seed_thesaurus",
]
SEEDED = [
    "sheets_sheettype",
    "sheets_section",
    "sheets_field",
    "sheets_prompt",
    "ingestion_synonyms",
]
SLOWEST = [
    "test_soak.py",
    "test_up.py",
    "test_tasks.py",
    "test_access.py",
    "test_search_gold.py",
    "test_writers.py",
    "test_generate.py",
    "test_editing.py",
    "test_sources.py",
    "test_stale.py",
]
_running = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    folder = Path(tempfile.mkdtemp(prefix="wikico2-tests-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    (folder / "var" / "static").mkdir(parents=True)
    _running.callback(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(_running.close)
    os.environ.update(_environment(folder))
    yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker ends alone with one of them."""
    slow = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: slow.get(item.path.name, len(slow)))


def pytest_configure() -> None:
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Put the seeded rows back that a test with real transactions has emptied with the rest."""
    yield
    from django.apps import apps
    from django.db import connection

    if not connection.settings_dict["NAME"].startswith("test_"):
        return  # no test has asked for the database yet
    with item.config.stash[blocking_manager_key].unblock():
        if not apps.get_model("sheets", "SheetType").objects.exists():
            seed()


def seed() -> None:
    """Write the seeded rows, from the copies that the first time leaves in the database."""
    from django.apps import apps
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regnamespace('seeded') IS NOT NULL")
        if cursor.fetchone() == (True,):
            for table in SEEDED:
                cursor.execute(f"INSERT INTO {table} SELECT * FROM seeded.{table}")
            return
        for module in SEEDS:
            importlib.import_module(module).seed(apps, None)
        cursor.execute("CREATE SCHEMA seeded")
        for table in SEEDED:
            cursor.execute(f"CREATE TABLE seeded.{table} AS TABLE {table}")


def pytest_unconfigure() -> None:
    _running.close()


def chroma_port() -> int:
    """Return the port of the tests' own Chroma; a test may point the settings elsewhere."""
    return int(os.environ["CHROMA_PORT"])


def _environment(folder: Path) -> dict[str, str]:
    """Start what the tests need and return the settings that lead there."""
    database = os.environ.get("TEST_DATABASE_URL", "")
    if not database:
        postgres = PostgresServer(folder / "postgres", fast=True)
        _running.callback(postgres.stop)
        database = postgres.start()
    chroma = ChromaServer(folder / "chroma")
    _running.callback(chroma.stop)
    chroma.start()
    _running.callback(AI.start().stop)
    return {
        "WIKICO2_VAR": str(folder / "var"),
        "DATABASE_URL": database,
        "CHROMA_HOST": chroma.host,
        "CHROMA_PORT": str(chroma.port),
        "CHROMA_TOKEN": "",
        "CHROMA_SSL": "false",
        "REDIS_URL": "",
        "S3_BUCKET": "",
        "SECRET_KEY": "secret of the tests",
        "DEBUG": "true",  # static files are served as they are, not from their collected copies
        "PUBLIC_SITE": "true",
        "SHOW_DRAFTS": "true",
        "AI_BASE_URL": AI.url,
        "OVH_API_KEY": "key of the tests",
        "EMBEDDING_BACKEND": "openai",
        "LLM_BACKEND": "local",
        "EMBEDDING_MODEL": EMBEDDING_MODEL,
        "LLM_MODEL": CHAT_MODEL,
        "VISION_BACKEND": "none",
        "VISION_MODEL": VISION_MODEL,
        "AI_TIMEOUT": "2",
        "AI_REQUESTS_PER_MINUTE": "0",
        "SEARCH_WAIT_SECONDS": "20",
        "AI_BACKOFF_SECONDS": "5",
        "MAX_UPLOAD_MB": "25",
        "LOG_LEVEL": "WARNING",
    }
