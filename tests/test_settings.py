"""Senseless settings stop the start with their name; containers start with safe ones only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from wikico2 import env
from wikico2.launcher.env_file import complete_env

ROOT = Path(__file__).resolve().parent.parent
CONTAINER = {
    "PRODUCTION": "true",
    "DEBUG": "false",
    "SECRET_KEY": "nine-and-forty-letters-that-nobody-else-can-guess-1",
    "ALLOWED_HOSTS": "wiki.example.org",
    "SITE_URL": "https://wiki.example.org",
    "BEHIND_HTTPS_PROXY": "true",
}


def manage(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=os.environ | CONTAINER | given,
        capture_output=True,
        text=True,
    )


class TestEnvFile:
    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("WORKER=3", "Did you mean WORKERS=2?"),
            ("SMTP_ACCOUNT_X9=1", "SMTP_ACCOUNT_X9, which is no setting. Remove the line."),
        ],
    )
    def test_an_unknown_name_is_refused(self, tmp_path: Path, line: str, said: str) -> None:
        file = tmp_path / ".env"
        file.write_text(f"PORT=8001\n{line}\n")

        with pytest.raises(ImproperlyConfigured) as refused:
            env.refuse_unknown(file)

        assert said in str(refused.value)

    def test_every_explained_name_and_those_of_other_programs_are_taken(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / ".env"
        foreign = ["COMPOSE_PROJECT_NAME", "HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE", "AWS_REGION"]
        names = [*env.explained(), *foreign]
        file.write_text("".join(f"{name}=x\n" for name in names))

        env.refuse_unknown(file)
        env.refuse_unknown(tmp_path / "none")

    @pytest.mark.parametrize(
        ("name", "value", "read"),
        [
            ("PORT", "80a", lambda: env.integer("PORT", 1)),
            ("PORT", "70000", lambda: env.integer("PORT", 1, most=65535)),
            ("WORKERS", "-1", lambda: env.integer("WORKERS", 1)),
            ("AI_TIMEOUT", "nan", lambda: env.number("AI_TIMEOUT", 1)),
            ("AI_TIMEOUT", "inf", lambda: env.number("AI_TIMEOUT", 1)),
            ("PUBLIC_SITE", "maybe", lambda: env.boolean("PUBLIC_SITE", True)),
            ("LLM_BACKEND", "cloud", lambda: env.choice("LLM_BACKEND", ("local",), "local")),
            ("SITE_URL", "wiki.example.org", lambda: env.web_address("SITE_URL", "wiki.org")),
        ],
    )
    def test_a_senseless_value_is_refused_with_an_example(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str, read: object
    ) -> None:
        monkeypatch.setenv(name, value)
        assert callable(read)

        with pytest.raises(ImproperlyConfigured, match=rf"^{name} must .*Example: {name}="):
            read()


class TestProduction:
    def test_what_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ALLOWED_HOSTS", raising=False)
        monkeypatch.setenv("SECRET_KEY", "x")

        with pytest.raises(ImproperlyConfigured, match=r"^ALLOWED_HOSTS must be set .*make env"):
            env.refuse_missing(["SECRET_KEY", "ALLOWED_HOSTS"])

    def test_the_settings_of_the_containers_are_clean(self) -> None:
        done = manage("check", "--deploy", "--fail-level", "WARNING")

        assert done.returncode == 0, done.stderr

    def test_plain_http_for_others_is_refused(self) -> None:
        given = {
            "SITE_URL": "http://wiki.example.org",
            "BEHIND_HTTPS_PROXY": "",
            "ALLOWED_HOSTS": "*",
        }
        done = manage("check", "--deploy", **given)

        assert done.returncode
        assert {"wikico2.E005", "wikico2.E006"} <= set(done.stderr.replace(")", "(").split("("))


class TestMakeEnv:
    def test_it_makes_secrets_once(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("# mine\nOVH_API_KEY=k\nSECRET_KEY=\n#ALLOWED_HOSTS=*")

        said = complete_env(file, set())
        first = file.read_text()

        assert said == [f"{file}: added SECRET_KEY, POSTGRES_PASSWORD, ALLOWED_HOSTS."]
        assert first.startswith("# mine\nOVH_API_KEY=k\nSECRET_KEY=\n#ALLOWED_HOSTS=*\n")
        assert "wikico2" not in first
        env.refuse_unknown(file)
        complete_env(file, {f"{tmp_path.name}_db"})
        assert file.read_text() == first

    def test_a_new_file_is_private(self, tmp_path: Path) -> None:
        complete_env(tmp_path / ".env", set())

        assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600

    def test_the_password_of_a_database_that_exists_is_kept(self, tmp_path: Path) -> None:
        project = tmp_path / "Wiki CO2"
        project.mkdir()

        said = complete_env(project / ".env", {"wikico2_db"})

        assert "POSTGRES_PASSWORD=wikico2\n" in (project / ".env").read_text()
        assert "ALTER ROLE" in said[1]
