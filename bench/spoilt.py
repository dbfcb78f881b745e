"""Read office documents with one object spoilt in each: `python -m bench.spoilt`.

Good documents of each format are made by code, with sentences between their objects. In each copy
one part, link or attribute is spoilt. Reading must then end with the document or with the code of
a refusal, within the limits; and where the text itself was not touched, every sentence is still
there.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingestion.readers import Limits, PageText, ReadError
from ingestion.readers.api import read_document
from ingestion.readers.media_type import identify_path
from tests.ingestion import office

LIMITS = Limits(memory_mb=500, cpu_seconds=20, wall_seconds=30)
TEXT_PARTS = re.compile(
    r"word/document\.xml|ppt/(?:slides/slide\d+|presentation)\.xml|content\.xml|mimetype"
    r"|xl/(?:workbook|sharedStrings|worksheets/sheet\d+)\.xml"
    r"|(?:_rels/|word/_rels/document|xl/_rels/workbook|ppt/_rels/presentation).*\.rels"
)
"""Parts that hold the sentences, or lead to them."""

_TARGET = re.compile(rb'Target="[^"]+"')
_ID = re.compile(rb'r:(?:id|embed|dm)="[^"]+"|xlink:href="[^"]+"')
_NUMBER = re.compile(rb'(?<==")\d{1,9}(?=")')
_OBJECT = re.compile(
    rb"<(/?)(?:c:(?:\w+Chart)|pic:pic|p:pic|draw:image|dgm:relIds|a:tbl|w:tblGrid)\b"
)


@dataclass(frozen=True)
class Spoilt:
    """A document with one object spoilt."""

    name: str
    extension: str
    members: dict[str, bytes]
    keeps_text: bool  # the sentences must all be read
    broken: str = ""  # a member whose stored bytes are damaged

    def write(self, folder: Path) -> Path:
        path = office.archive(folder / f"{self.name}{self.extension}", self.members)
        if self.broken:
            _damage_member(path, self.broken)
        return path


def spoilt_documents(folder: Path, seed: int = 7) -> list[Spoilt]:
    """Return over a hundred spoilt documents; `folder` receives the good ones."""
    rng = random.Random(seed)  # noqa: S311  a pseudo-random sample
    found: list[Spoilt] = []
    for extension, make in office.RICH.items():
        members = office.members(make(folder / f"bon{extension}"))
        found += _spoilt_parts(extension, members, rng)
        found += _spoilt_marks(extension, members)
    return found


def _spoilt_parts(
    extension: str, members: dict[str, bytes], rng: random.Random
) -> Iterator[Spoilt]:
    """Spoil each part in one of several ways, and those of objects in all of them."""
    for number, (name, content) in enumerate(members.items()):
        keeps = TEXT_PARTS.fullmatch(name) is None
        ways = {
            "absente": {k: v for k, v in members.items() if k != name},
            "vide": {**members, name: b""},
            "coupee": {**members, name: content[: len(content) // 2]},
            "bruit": {**members, name: rng.randbytes(400)},
            "autre": {**members, name: b"<html><p>autre chose</p></html>"},
        }
        is_object = re.search(r"chart|diagram|media|Pictures|Object|drawing|chunk|note", name)
        chosen = list(ways) if is_object else [list(ways)[number % len(ways)]]
        for way in chosen:
            yield Spoilt(f"{number:03d}-{way}", extension, ways[way], keeps)
        if is_object:
            yield Spoilt(f"{number:03d}-crc", extension, members, keeps, broken=name)


def _spoilt_marks(extension: str, members: dict[str, bytes]) -> Iterator[Spoilt]:
    """Spoil links, references, numbers and the names of objects."""
    for number, (name, content) in enumerate(members.items()):
        keeps = TEXT_PARTS.fullmatch(name) is None or not name.endswith(".rels")
        for label, pattern, value in (
            ("lien", _TARGET, b'Target="../ailleurs.xml"'),
            ("dehors", _TARGET, b'Target="file:///etc/hostname" TargetMode="External"'),
            ("renvoi", _ID, b'r:embed="rIdZ" r:id="rIdY"'),
            ("nombre", _NUMBER, b"99999999"),
            ("mot", _NUMBER, b"abc"),
            ("inconnu", _OBJECT, rb"<\1c:inconnuChart"),
        ):
            marks = list(pattern.finditer(content))
            if not marks or (label in ("lien", "dehors") and len(marks) > 12):
                continue
            if label == "inconnu":
                changed = pattern.sub(value, content)
                yield Spoilt(f"{number:03d}-{label}", extension, {**members, name: changed}, keeps)
                continue
            for at in sorted({0, len(marks) // 2, len(marks) - 1}):
                mark = marks[at]
                changed = content[: mark.start()] + value + content[mark.end() :]
                kept = keeps and not (label == "renvoi" and _leads_to_text(name))
                yield Spoilt(
                    f"{number:03d}-{label}-{at}", extension, {**members, name: changed}, kept
                )


def _leads_to_text(name: str) -> bool:
    return name in ("ppt/presentation.xml", "xl/workbook.xml")


def _damage_member(path: Path, name: str) -> None:
    """Change stored bytes of a member, so that its check sum is wrong."""
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(name)
    data = bytearray(path.read_bytes())
    start = info.header_offset + 30 + len(info.filename.encode()) + info.compress_size // 2
    data[start] ^= 0xFF
    path.write_bytes(bytes(data))


def verdict(spoilt: Spoilt, folder: Path) -> str:
    """Return what is wrong with the reading of a spoilt document, `""` if nothing is."""
    path = spoilt.write(folder)
    try:
        pages = list(read_document(path, identify_path(path), LIMITS))
    except ReadError as error:
        return f"refused: {error}" if spoilt.keeps_text else _fault_of(error)
    finally:
        path.unlink()
    text = "\n".join(page.text for page in pages if isinstance(page, PageText))
    lost = [landmark for landmark in office.LANDMARKS if landmark not in text]
    return f"lost: {lost}" if lost and spoilt.keeps_text else ""


def _fault_of(error: ReadError) -> str:
    hung = error.code in ("too_slow", "too_much_memory", "crashed")
    return f"{error}" if hung else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        documents = spoilt_documents(Path(name), options.seed)
        faults = {one: fault for one in documents if (fault := verdict(one, Path(name)))}
    for one, fault in faults.items():
        sys.stdout.write(f"{one.name}{one.extension}: {fault}\n")
    seconds = time.monotonic() - start
    sys.stdout.write(f"{len(documents)} documents, {len(faults)} faults, {seconds:.0f} s\n")
    return min(len(faults), 1)


if __name__ == "__main__":
    sys.exit(main())
