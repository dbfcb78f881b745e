"""What the containers run is there, and every variable they pass is explained."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command, get_commands

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DEVELOPMENT = yaml.safe_load((ROOT / "compose.dev.yml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()


def commands() -> list[str]:
    """Return every command line of the Dockerfile and of the two Compose files."""
    found = [DOCKERFILE.rpartition("\nCMD ")[2]]
    for service in [*COMPOSE["services"].values(), *DEVELOPMENT["services"].values()]:
        for given in (service.get("command"), service.get("healthcheck", {}).get("test")):
            if given:
                found.append(given if isinstance(given, str) else shlex.join(given))
    return found


def test_every_management_command_exists() -> None:
    named = {name for line in commands() for name in re.findall(r"manage\.py (\w+)", line)}

    assert named == {"prepare", "qcluster", "load_demo", "worker_alive"}
    assert named <= set(get_commands())


def test_services_wait_for_what_they_need() -> None:
    services: dict[str, Any] = COMPOSE["services"]

    assert services["db"]["image"] == "postgres:15"
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services, name
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in services[needed] or "HEALTHCHECK" in DOCKERFILE
    named = {
        volume.partition(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert named == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_a_container_can_do_no_more_than_it_must(name: str) -> None:
    service = COMPOSE["services"][name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[gm]", service["mem_limit"])
    assert "/tmp" in service["tmpfs"]  # noqa: S108
    assert "DEBUG" not in service.get("environment", {})
    for port in service.get("ports", []):
        assert port.startswith(("127.0.0.1:", "${BACKEND_APP_HOST:-127.0.0.1}:")) or name == "caddy"


def test_only_what_needs_chroma_reaches_it() -> None:
    services = COMPOSE["services"]
    reach = {name for name, service in services.items() if "vectors" in service["networks"]}

    assert reach == {"chroma", "web", "worker", "demo"}
    assert services["chroma"]["networks"] == ["vectors"]
    assert COMPOSE["networks"]["vectors"] == {"internal": True}


def test_no_secret_has_a_default() -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    for name in ("POSTGRES_PASSWORD", "SECRET_KEY", "ALLOWED_HOSTS"):
        assert set(re.findall(rf"\$\{{{name}(:.)", text)) == {":?"}


def test_the_chroma_image_is_the_version_of_the_lock() -> None:
    locked = re.search(r"^chromadb==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)

    assert locked
    assert COMPOSE["services"]["chroma"]["image"] == f"chromadb/chroma:{locked[1]}"


def test_development_changes_only_services_that_exist() -> None:
    assert set(DEVELOPMENT["services"]) <= set(COMPOSE["services"])


@pytest.mark.parametrize(
    "name", ["wikico2/settings.py", "wikico2/launcher/run.py", "docker-compose.yml"]
)
def test_every_variable_is_explained(name: str) -> None:
    text = (ROOT / name).read_text()
    read = set(re.findall(r'(?:env\.\w+|_service)\(\s*"([A-Z][A-Z0-9_]+)"', text))
    read |= set(re.findall(r"\$\{([A-Z_]+):-", text))

    assert read
    assert {v for v in read if not re.search(rf"^#?{v}=", EXAMPLE, re.MULTILINE)} == set()


def test_every_explained_variable_is_read() -> None:
    sources = "\n".join(
        (ROOT / name).read_text()
        for name in ("wikico2/settings.py", "wikico2/launcher/run.py", "docker-compose.yml")
    )
    explained = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))

    assert {v for v in explained if v not in sources} == set()


@pytest.mark.django_db
def test_without_a_worker_the_health_check_fails() -> None:
    with pytest.raises(CommandError):
        call_command("worker_alive")
