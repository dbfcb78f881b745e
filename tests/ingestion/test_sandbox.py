"""Files that cannot be read end as one error with its code, and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from pytest_django import Settings

from ingestion.intake.upload import read_limits
from ingestion.readers import Limits, ReadError
from ingestion.readers.api import check_document, read_document, render_page
from ingestion.readers.media_type import DOCX, PDF, identify_path
from ingestion.readers.sandbox import parent
from ingestion.readers.sandbox.parent import run_reader
from tests.ingestion import crafted, office

LIMITS = Limits(memory_mb=1024, cpu_seconds=20, wall_seconds=20)
LINE = b"BT /F1 9 Tf 50 700 Td (Une ligne de texte) Tj ET"


LONG_PAGE = b"BT /F1 9 Tf 50 800 Td " + b"(Une ligne de texte) Tj 0 -12 Td " * 60 + b"ET"
"""More text on 200 such pages than a pipe holds, so that the child has to wait for its reader."""


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(ReadError) as caught:
        action()
    return caught.value.code


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"<!doctype html><p>404", "truncated"),
        (b"PK\x03\x04", "truncated"),
        (b"%PDF-1.7\n", "truncated"),
        (b"%PDF-1.7\nnothing of the kind\n%%EOF", "unreadable"),
    ],
)
def test_files_that_are_no_pdf(tmp_path: Path, data: bytes, code: str) -> None:
    path = write(tmp_path / "faux.pdf", data)
    assert code_of(lambda: check_document(path, PDF, LIMITS)) == code
    assert code_of(lambda: list(read_document(path, PDF, LIMITS))) == code


def test_truncated_file(tmp_path: Path) -> None:
    whole = crafted.raw(tmp_path / "entier.pdf", LINE).read_bytes()
    path = write(tmp_path / "coupé.pdf", whole[: len(whole) // 3])
    assert code_of(lambda: check_document(path, PDF, LIMITS)) == "truncated"


def test_end_missing_yet_readable(tmp_path: Path) -> None:
    whole = crafted.raw(tmp_path / "entier.pdf", LINE).read_bytes()
    path = write(tmp_path / "coupé.pdf", whole[:-10])
    assert check_document(path, PDF, LIMITS).page_count == 1


def test_user_password(tmp_path: Path) -> None:
    path = crafted.encrypted(tmp_path / "secret.pdf", user="secret", owner="autre")
    assert code_of(lambda: check_document(path, PDF, LIMITS)) == "encrypted"


def test_no_page(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "vide.pdf", LINE, pages=0)
    assert code_of(lambda: check_document(path, PDF, LIMITS)) == "no_pages"


def test_format_that_no_reader_takes(tmp_path: Path) -> None:
    path = write(tmp_path / "feuille.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
    assert code_of(lambda: check_document(path, identify_path(path), LIMITS)) == "unreadable"
    assert code_of(lambda: check_document(path, "application/zip", LIMITS)) == "unknown_format"


def test_too_many_pages(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "long.pdf", LINE, pages=30)
    few = replace(LIMITS, pages=29)
    assert code_of(lambda: check_document(path, PDF, few)) == "too_many_pages"
    assert check_document(path, PDF, replace(LIMITS, pages=30)).page_count == 30


def test_too_much_text(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "long.pdf", LINE, pages=30)
    assert (
        code_of(lambda: list(read_document(path, PDF, replace(LIMITS, characters=100))))
        == "too_much_text"
    )


def test_decompression_bomb(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "bombe.pdf", b"BT /F1 9 Tf (a) Tj ET " + b" " * 150_000_000)
    small = replace(LIMITS, memory_mb=300)
    assert check_document(path, PDF, small).page_count == 1
    assert code_of(lambda: list(read_document(path, PDF, small))) == "too_much_memory"
    assert code_of(lambda: render_page(path, PDF, 1, small)) == "too_much_memory"


def test_forms_that_draw_each_other_end_at_the_limit_of_memory(tmp_path: Path) -> None:
    """Ten forms, each of which draws the next one ten times: ten thousand million letters."""
    path = crafted.nested(tmp_path / "rires.pdf", depth=10, times=10)
    small = replace(LIMITS, memory_mb=300)
    assert code_of(lambda: list(read_document(path, PDF, small))) == "too_much_memory"


def test_library_that_takes_a_lack_of_memory_for_damage_is_not_believed(tmp_path: Path) -> None:
    path = office.word(tmp_path / "grand.docx")
    with zipfile.ZipFile(path) as given:
        members = {name: given.read(name) for name in given.namelist()}
    begin, end = members["word/document.xml"].split(b"<w:body>")
    members["word/document.xml"] = begin + b"<w:body>" + b"<w:p><w:r/></w:p>" * 1_500_000 + end
    office.archive(path, members)
    reading = lambda: list(read_document(path, DOCX, replace(LIMITS, memory_mb=400)))  # noqa: E731
    assert code_of(reading) == "too_much_memory"


def test_memory_of_whoever_has_a_file_read_is_not_laid_to_the_reading(tmp_path: Path) -> None:
    path = office.archive(tmp_path / "vide.docx", {"[Content_Types].xml": b"<Types/>"})
    held = b"x" * 400_000_000
    small = replace(LIMITS, memory_mb=400)
    assert code_of(lambda: list(read_document(path, DOCX, small))) == "unreadable"
    assert held


def test_settings_bound_a_reading(settings: Settings) -> None:
    settings.READ_MEMORY_MB, settings.READ_SECONDS = 300, 20
    settings.READ_MAX_PAGES, settings.READ_MAX_CHARACTERS = 50, 1_000
    assert read_limits() == Limits(300, 20, 20, 50, 1_000)


def test_out_of_cpu_time(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "lent.pdf", b"BT /F1 1 Tf " + b"(abcdef) Tj 1 1 Td " * 400_000)
    assert (
        code_of(lambda: list(read_document(path, PDF, replace(LIMITS, cpu_seconds=1))))
        == "too_slow"
    )


def test_out_of_patience(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "lent.pdf", LINE)
    begun = time.monotonic()
    assert (
        code_of(lambda: check_document(path, PDF, replace(LIMITS, wall_seconds=0.01))) == "too_slow"
    )
    assert time.monotonic() - begun < 2


def test_page_that_is_not_there(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "page.pdf", LINE)
    assert code_of(lambda: render_page(path, PDF, 2, LIMITS)) == "no_pages"


def test_missing_file_is_the_caller_s_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check_document(tmp_path / "rien.pdf", PDF, LIMITS)


def test_odd_names_and_secrets_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVH_API_KEY", "clé")
    seen: dict[str, object] = {}
    start = subprocess.Popen

    def spy(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        seen.update(options, command=command)
        return start(command, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", spy)
    path = crafted.raw(tmp_path / "-rf l'été \u202efdp.pdf", LINE)
    assert check_document(path, PDF, LIMITS).page_count == 1
    assert "OVH_API_KEY" not in str(seen["env"])
    assert "rf" not in str(seen["command"])


def child_of(path: Path, limits: Limits = LIMITS) -> tuple[int, object]:
    """Start a reading and return the child's process id and the iterator that owns it."""
    before = set(_children())
    reading = read_document(path, PDF, limits)
    next(reading)
    (pid,) = set(_children()) - before
    return pid, reading


def _children() -> list[int]:
    found = psutil.Process().children()
    return [child.pid for child in found if "ingestion.readers.sandbox.child" in child.cmdline()]


def test_stopping_early_kills_the_child(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "long.pdf", LONG_PAGE, pages=200)
    pid, reading = child_of(path)
    reading.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_killed_child_is_an_error(tmp_path: Path) -> None:
    path = crafted.raw(tmp_path / "long.pdf", LONG_PAGE, pages=200)
    pid, reading = child_of(path)
    os.kill(pid, 11)
    assert code_of(lambda: list(reading)) == "crashed"  # type: ignore[call-overload]


def test_nonsense_from_the_child_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crafted.raw(tmp_path / "page.pdf", LINE)
    for answer in ("not json", "[1]", '{"kind": "info"}', '{"kind": "page", "blocks": 3}'):
        monkeypatch.setattr(parent, "_command", lambda *_, a=answer: ["echo", a])
        assert code_of(lambda: list(read_document(path, PDF, LIMITS))) == "crashed"


def test_endless_output_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = crafted.raw(tmp_path / "page.pdf", LINE)
    monkeypatch.setattr(parent, "BYTES_BESIDES", 100_000)
    monkeypatch.setattr(parent, "_command", lambda *_: ["yes", "x" * 100])
    assert code_of(lambda: list(run_reader("read", path, replace(LIMITS, characters=1)))) in {
        "too_much_text",
        "crashed",
    }
