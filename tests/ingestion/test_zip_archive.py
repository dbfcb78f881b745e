"""ZIP archives: which files are extracted, under which name, and which are refused."""

import io
import stat
import zipfile
from collections.abc import Mapping

import pytest
from pytest_django import Settings

from ingestion.intake.zip_archive import ZipArchive, is_archive
from wikico2.errors import UserError


def packed(
    members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, **infos: int
) -> io.BytesIO:
    """Return an archive; `infos` are attributes of its members' headers."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            for attribute, value in infos.items():
                setattr(info, attribute, value)
            archive.writestr(info, content)
    file.seek(0)
    return file


def refusal(file: io.BytesIO) -> str:
    with pytest.raises(UserError) as caught:
        ZipArchive(file)
    assert "%(" not in caught.value.sentence
    return caught.value.code


def outcomes(file: io.BytesIO) -> dict[str, bytes | str]:
    """Return by name the content of each member, or the code of its refusal."""
    found: dict[str, bytes | str] = {}
    with ZipArchive(file) as archive:
        for member in archive.members:
            kept = io.BytesIO()
            try:
                archive.copy(member, kept)
                found[member.name] = kept.getvalue()
            except UserError as error:
                found[member.name] = error.code
    return found


def test_documents_come_out_and_what_systems_leave_behind_does_not() -> None:
    file = packed(
        {
            "rapports/": b"",
            "rapports/été.pdf": b"%PDF",
            "__MACOSX/rapports/._été.pdf": b"x",
            ".DS_Store": b"x",
            "Thumbs.db": b"x",
            ".cachette.pdf": b"%PDF",
        }
    )
    assert outcomes(file) == {"rapports/été.pdf": b"%PDF", ".cachette.pdf": b"%PDF"}


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("utf-8", "cœur de l’été.pdf"),
        ("cp437", "déjà vu.pdf"),
        ("cp850", "Énergie À côté.pdf"),
        ("cp1252", "cœur d’Énergie.pdf"),
    ],
)
def test_names_are_read_as_they_were_written(page: str, name: str) -> None:
    raw = name.encode(page)
    stand_in = "#" * len(raw)
    data = packed({stand_in: b"%PDF"}).getvalue().replace(stand_in.encode(), raw)
    assert list(outcomes(io.BytesIO(data))) == [name]


def test_names_are_shown_without_tricks() -> None:
    assert list(outcomes(packed({"rapport‮fdp.exe": b"x", "a\tb\n.pdf": b"x"}))) == [
        "rapportfdp.exe",
        "ab.pdf",
    ]


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "a/../../b.pdf", "C:/b.pdf", "..\\b.pdf", "\\\\h\\b"],
)
def test_a_name_that_leads_outside_is_refused(name: str) -> None:
    assert list(outcomes(packed({name: b"%PDF"})).values()) == ["member_path"]


@pytest.mark.parametrize(
    ("method", "infos", "code"),
    [
        (zipfile.ZIP_BZIP2, {}, "member_method"),
        (zipfile.ZIP_LZMA, {}, "member_method"),
        (zipfile.ZIP_STORED, {"external_attr": (stat.S_IFLNK | 0o777) << 16}, "member_link"),
    ],
)
def test_other_members_are_refused_one_by_one(
    method: int, infos: dict[str, int], code: str
) -> None:
    assert outcomes(packed({"a.pdf": b"%PDF"}, method, **infos)) == {"a.pdf": code}


def test_a_password() -> None:
    data = bytearray(packed({"a.pdf": b"%PDF"}).getvalue())
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(header) + flags] |= 1
    assert outcomes(io.BytesIO(bytes(data))) == {"a.pdf": "member_password"}


def test_an_archive_within_is_not_opened_but_a_zipped_document_is_one() -> None:
    inner = packed({"a.pdf": b"%PDF"}).getvalue()
    word = packed({"[Content_Types].xml": b"<Types/>"}).getvalue()
    found = outcomes(packed({"dedans.zip": inner, "rapport.docx": word}))
    assert found == {"dedans.zip": "member_nested", "rapport.docx": word}
    assert not is_archive(io.BytesIO(word))


def test_a_bomb_is_known_before_it_is_opened(settings: Settings) -> None:
    settings.MAX_UPLOAD_MB, settings.MAX_ARCHIVE_MB = 1, 3
    big = bytes(2_000_000)
    assert outcomes(packed({"a.pdf": big})) == {"a.pdf": "member_large"}
    assert refusal(packed({"a.pdf": big, "b.pdf": big})) == "archive_too_large"


def test_a_member_that_is_larger_than_it_says_is_damaged() -> None:
    """Its header says 4 bytes: no more than those are ever made of it."""
    data = bytearray(packed({"a.pdf": bytes(5_000_000)}).getvalue())
    for header, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(header) + place
        data[at : at + 4] = (4).to_bytes(4, "little")
    assert outcomes(io.BytesIO(bytes(data))) == {"a.pdf": "member_damaged"}


def test_too_many_members(settings: Settings) -> None:
    settings.MAX_ARCHIVE_FILES = 2
    assert refusal(packed({f"{n}.pdf": b"%PDF" for n in range(3)})) == "archive_too_many"


def test_a_list_of_members_without_end_is_not_read() -> None:
    """The end of the archive claims that its list of members weighs 9 MB."""
    data = packed({"a.pdf": b"%PDF"}).getvalue()
    list_at, end_at = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    weight = 9 * 1024 * 1024
    end = bytearray(data[end_at:])
    end[12:16] = weight.to_bytes(4, "little")
    padded = data[:list_at] + data[list_at:end_at].ljust(weight, b"\0") + bytes(end)
    assert refusal(io.BytesIO(padded)) == "archive_too_many"


@pytest.mark.parametrize("content", [b"PK\x03\x04 a document of another kind", b"PK\x05\x06"])
def test_a_damaged_archive(content: bytes) -> None:
    assert is_archive(io.BytesIO(content))
    assert refusal(io.BytesIO(content)) == "archive_damaged"


def test_an_empty_archive() -> None:
    assert refusal(packed({"dossier/": b""})) == "archive_empty"


def test_other_files_are_no_archives() -> None:
    assert not is_archive(io.BytesIO(b"%PDF-1.4 PK\x03\x04"))
    assert not is_archive(io.BytesIO(b""))
