"""The French of the interface: nothing missing, nothing left as a guess, compiled as it stands."""

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.dates import MONTHS, WEEKDAYS

FRENCH = Path(settings.BASE_DIR) / "locale" / "fr" / "LC_MESSAGES"
KEYWORD = re.compile(r'(msgctxt|msgid_plural|msgid|msgstr(?:\[\d+\])?)?\s*(".*")$')
HOLDER = re.compile(r"%\(\w+\)\d*[sd]|\{\w*\}|%%")


@dataclass
class Entry:
    """One entry of a .po file: its strings by keyword, its flags."""

    strings: dict[str, str] = field(default_factory=dict)
    flags: str = ""

    @property
    def answers(self) -> list[str]:
        return [text for key, text in self.strings.items() if key.startswith("msgstr")]


def read_po(text: str) -> Iterator[Entry]:
    """Return the entries of a .po file, the header first."""
    for block in re.split(r"\n{2,}", text.strip()):
        entry, keyword = Entry(), ""
        for line in block.splitlines():
            if line.startswith("#,"):
                entry.flags += line
            elif match := KEYWORD.match(line):
                keyword = match[1] or keyword
                entry.strings[keyword] = entry.strings.get(keyword, "") + ast.literal_eval(match[2])
        if entry.strings:
            yield entry


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    _header, *entries = read_po((FRENCH / "django.po").read_text())
    return entries


def test_every_message_has_its_french(entries: list[Entry]) -> None:
    assert len(entries) > 300
    missing = [e.strings["msgid"] for e in entries if not all(e.answers)]
    assert missing == []


def test_none_is_a_guess(entries: list[Entry]) -> None:
    assert [e.strings["msgid"] for e in entries if "fuzzy" in e.flags] == []


def test_each_keeps_the_details_of_its_message(entries: list[Entry]) -> None:
    for entry in entries:
        wanted = sorted(HOLDER.findall(entry.strings["msgid"]))
        for answer in entry.answers:
            assert sorted(HOLDER.findall(answer)) == wanted, entry.strings["msgid"]


def test_french_typography(entries: list[Entry]) -> None:
    for entry in entries:
        for answer in entry.answers:
            shown = re.sub(r"<[^>]*>|[{][^}]*[}]|\[\^\d+\]:", "", answer)  # marks are no prose
            assert "'" not in shown, answer
            assert not re.search(r"[^\u202f\u00a0][;!?]|[^\u00a0]:(?!/)|«[^\u00a0]", shown), answer


def test_the_compiled_file_is_in_step(entries: list[Entry]) -> None:
    with (FRENCH / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in entries:
        one, many = entry.strings["msgid"], entry.strings.get("msgid_plural")
        if context := entry.strings.get("msgctxt"):
            shown = [compiled.pgettext(context, one)]
        elif many:
            shown = [compiled.ngettext(one, many, n) for n in (1, 2)]
        else:
            shown = [compiled.gettext(one)]
        assert shown == entry.answers, one


def test_months_and_days_keep_their_names(entries: list[Entry]) -> None:
    """Our catalogue stands before Django's: a word like "May" would be another for every date."""
    with translation.override("en"):
        names = {str(name) for name in (*MONTHS.values(), *WEEKDAYS.values())}
    taken = {entry.strings["msgid"] for entry in entries if "msgctxt" not in entry.strings}
    assert "January" in names
    assert not names & taken
