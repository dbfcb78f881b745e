"""Archives that were damaged or made to do harm: each costs at most the files that it damages.

Every archive is a good one after one to three random changes, the same in each run. `LONG=1` makes
200 of them (`make test-long`).
"""

import io
import json
import os
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from sheets.models import Revision, Sheet
from sheets.transfer.id_map import IMPORTED
from sheets.transfer.importer import ImportReport, import_wiki
from wikico2.errors import UserError
from wikico2.models import User

COUNT = 200 if os.environ.get("LONG") else 24
GOOD = Path(__file__).parent / "archives" / "format1.zip"
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"

Members = list[tuple[zipfile.ZipInfo, bytes]]

VALUES: list[Any] = [
    None, True, -1, 0, 2**70, 1.5, 1e308, float("nan"), "", "x" * 3_000, "\0", "a\ud800b", [], {},
    [[]], [1], {"a": []}, {"": None}, "../../x", "javascript:alert(1)", "2021-13-45", "ada",
    "2021-03-01T10:00:00", "01:00", "validated", "generated", 99999, "é" * 300, [{"a": 1}] * 3,
]  # fmt: skip
YAML = [
    "a: &a [1]\nb: *a", "- 1\n- 2", "'", "? {a: b}\n: c", "a: !!python/object:os.system x",
    "title: [" + "[" * 3_000, "title: {a: {b: {c: d}}}\ntype: [solution]", "number: oui", "\t", "%",
    "number: 1\norigin: human\nauthor: ada\nheader: [1]", "title: x\ntype: solution\nstate: [a]",
    "title: x\ntype: solution\nheader: {a: {b: c}}", "title: x\ntype: solution\ndocuments: x",
]  # fmt: skip
NAMES = [
    "fiches/../../etc.md", "fiches//x.md", "/fiches/x.md", "fiches/a\\b.md", "fiches/a\0b.md",
    "fiches/.md", "fiches/" + "x" * 5_000 + ".md", "fiches/\u202egnp.md", "fiches/air.md\n",
    "../fiches/x.md", "C:/fiches/x.md", "fiches/x/y.md", "fiches/ .md", "", "/", "fiches/",
    "sources/" + "a" * 400 + ".json", "images/x.webp", "versions/air/0004.md",
]  # fmt: skip
ENCODINGS = ["utf-16", "utf-32", "utf-7", "latin-1", "utf-8-sig", "cp500"]


def pack(members: Members) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for entry, content in members:
            archive.writestr(entry, content)
    return output.getvalue()


def opened() -> Members:
    with zipfile.ZipFile(GOOD) as archive:
        return [(entry, archive.read(entry)) for entry in archive.infolist()]


def changed_json(chance: random.Random, content: bytes) -> bytes:
    """Return a record with one value, at any depth, replaced or removed."""
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):  # it was changed before
        return b"{}"
    at, key = facts, None
    while isinstance(at, dict | list) and at and (key is None or chance.random() < 0.6):
        holder = at
        key = chance.choice(list(at) if isinstance(at, dict) else range(len(at)))
        at = at[key]
    if key is None:
        return b"[]"
    if chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = chance.choice(VALUES)
    return json.dumps(facts).encode()


def change_members(chance: random.Random, members: Members) -> None:
    """Change, swap, double or rename files."""
    at = chance.randrange(len(members))
    entry, content = members[at]
    kind = chance.choice(
        ["value", "value", "value", "value", "text", "swap", "double", "link", "name", "code"]
    )
    if kind == "value":
        records = [n for n, (e, _c) in enumerate(members) if e.filename.endswith(".json")]
        at = chance.choice(records)
        entry, content = members[at]
        deep = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
        members[at] = entry, deep if chance.random() < 0.05 else changed_json(chance, content)
    elif kind == "text":
        texts = [n for n, (e, _c) in enumerate(members) if e.filename.endswith(".md")]
        at = chance.choice(texts)
        members[at] = members[at][0], f"---\n{chance.choice(YAML)}\n---\n\nTexte".encode()
    elif kind == "swap":
        other = chance.randrange(len(members))
        members[at], members[other] = (entry, members[other][1]), (members[other][0], content)
    elif kind == "double":
        members.append((zipfile.ZipInfo(entry.filename), content[: len(content) // 2]))
    elif kind == "link":
        link = zipfile.ZipInfo(entry.filename)
        link.external_attr = 0o120777 << 16
        members[at] = link, b"/etc/passwd"
    elif kind == "name":
        name = zipfile.ZipInfo("x")
        name.filename = chance.choice(NAMES)
        members.append((name, b"---\ntype: solution\ntitle: X\n---\n\nTexte"))
    else:
        text = content.decode("utf-8", "replace")
        members[at] = entry, text.encode(chance.choice(ENCODINGS), "replace")


def change_bytes(chance: random.Random, content: bytearray) -> bytearray:
    """Change what the zip says of its files: sizes, checks, methods, flags; or cut it."""
    heads = [n for n in range(len(content) - 46) if content[n : n + 4] == CENTRAL]
    at = chance.choice(heads) if heads else 0
    kind = chance.choice(["flip", "flip", "cut", "size", "zip64", "method", "flag", "crc", "wrap"])
    if kind == "flip":
        for _ in range(chance.randint(1, 20)):
            content[chance.randrange(len(content))] = chance.randrange(256)
    elif kind == "cut":
        del content[chance.randrange(len(content)) :]
    elif kind == "wrap":
        content[:0] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 200)))
        content += b"PK\x05\x06" + bytes(18) if chance.random() < 0.5 else b"x" * 70_000
    elif heads and kind == "size":
        struct.pack_into("<L", content, at + chance.choice([20, 24, 42]), chance.choice(
            [0, 1, 10, 2**20, 2**31, 2**32 - 2]
        ))  # fmt: skip
    elif heads and kind == "zip64":
        struct.pack_into("<L", content, at + chance.choice([20, 24, 42]), 2**32 - 1)
        struct.pack_into("<H", content, at + 30, chance.choice([0, 4, 28, 60_000]))
    elif heads and kind == "method":
        struct.pack_into("<H", content, at + 10, chance.choice([0, 1, 8, 9, 12, 14, 93, 99]))
    elif heads and kind == "flag":
        struct.pack_into("<H", content, at + 8, chance.choice([1, 8, 0x20, 0x800, 0x2041, 0xFFFF]))
    elif heads:
        struct.pack_into("<L", content, at + 16, chance.randrange(2**32))
    return content


def hostile(seed: int) -> bytes:
    """Return an archive after random changes; most are without the files of their sources."""
    chance = random.Random(seed)
    members = opened()
    if seed % 20:
        members = [(e, c) for e, c in members if not e.filename.endswith(".pdf")]
    if chance.random() < 0.7:
        for _ in range(chance.randint(1, 3)):
            change_members(chance, members)
        return pack(members)
    content = bytearray(pack(members))
    for _ in range(chance.randint(1, 2)):
        content = change_bytes(chance, content) if content else content
    return bytes(content)


@pytest.fixture
def visit(client: Client, administrator: User) -> Callable[[ImportReport], None]:
    """Return a function that opens the pages of what was imported."""
    client.force_login(administrator)

    def open_pages(report: ImportReport) -> None:
        for sheet in Sheet.objects.filter(slug__in=report.created):
            address = sheet.get_absolute_url()
            for page in (address, f"{address}historique/", f"{address}export.md"):
                assert client.get(page).status_code in {200, 302, 404}, page
            for proposal in sheet.proposals.all():
                assert client.get(proposal.get_absolute_url()).status_code == 200

    return open_pages


@pytest.mark.django_db
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_archives_end_in_a_report_or_are_refused(
    administrator: User, visit: Callable[[ImportReport], None]
) -> None:
    refused = ended = told = 0
    for seed in range(COUNT):
        with transaction.atomic():
            try:
                report = import_wiki(io.BytesIO(hostile(seed)), administrator)
            except UserError as error:
                refused += error.code == "not_an_archive"
                continue
            ended, told = ended + 1, told + bool(report.problems)
            assert all(p.strip() and "Error" not in p for p in report.problems), seed
            people = Revision.objects.exclude(author=None).exclude(author=administrator)
            names = people.values_list("author__username", flat=True)
            assert all(name.startswith(IMPORTED) for name in names), seed
            visit(report)
            transaction.set_rollback(True)
    assert refused + ended == COUNT
    assert refused
    assert told > COUNT / 4


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_random_changes_do_change() -> None:
    good = pack([(e, c) for e, c in opened() if not e.filename.endswith(".pdf")])
    assert sum(hostile(seed) != good for seed in range(COUNT)) > COUNT * 0.95
