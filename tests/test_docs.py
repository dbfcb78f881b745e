"""The documentation names only files and identifiers that exist; its links lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")),
        *(ROOT / "docs").rglob("*.md"),
    ]
)
DECISIONS = ROOT / "docs" / "decisions"
FOLDERS = {
    path.name for path in ROOT.iterdir() if path.is_dir() and path.name not in ("var", ".venv")
}

FENCED = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"[\w.][\w./-]*")
LINK = re.compile(r"\]\(([^()\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")
IDENTIFIER = re.compile(r"[A-Za-z]\w*_\w+|[A-Z][a-z]+[A-Z]\w*|[A-Z]{3,}")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def paths_in(text: str) -> Iterator[str]:
    """Yield what looks like a path of the repository among the words in backticks."""
    for word in CODE.findall(FENCED.sub("", text)):
        if NAME.fullmatch(word) and (
            ("/" in word and word.partition("/")[0] in FOLDERS)
            or word.endswith((".py", ".md", ".html"))
        ):
            yield word


def links_in(text: str) -> Iterator[str]:
    """Yield the targets of links that lead to a file of the repository or within the page."""
    for target in LINK.findall(CODE.sub("", FENCED.sub("", text))):
        if not ELSEWHERE.match(target):
            yield target


def identifiers_in(text: str) -> Iterator[str]:
    """Yield what looks like a name of the code: with an underscore or capitals inside."""
    for word in CODE.findall(FENCED.sub("", text)):
        if IDENTIFIER.fullmatch(word):
            yield word


@pytest.fixture(scope="module")
def known() -> set[str]:
    """All words of the code and of the settings' example."""
    files = [ROOT / ".env.example", ROOT / "Makefile", ROOT / "docker-compose.yml"]
    for folder in ("api", "wikico2", "ingestion", "sheets", "tests", "bench"):
        files += (path for path in (ROOT / folder).rglob("*.py") if path != Path(__file__))
    return set().union(*(re.findall(r"\w+", path.read_text()) for path in files))


def anchors_in(text: str) -> set[str]:
    """Return the names by which the headings of a page are reached."""
    headings = HEADING.findall(FENCED.sub("", text))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPage:
    def test_the_paths_that_it_names_exist(self, page: Path) -> None:
        named = sorted(set(paths_in(page.read_text())))

        assert [name for name in named if not (ROOT / name).exists()] == []

    def test_the_identifiers_that_it_names_exist(self, page: Path, known: set[str]) -> None:
        assert sorted(set(identifiers_in(page.read_text())) - known) == []

    def test_its_links_lead_somewhere(self, page: Path) -> None:
        text = page.read_text()
        broken = []
        for target in links_in(text):
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            if not file.exists() or (anchor and anchor not in anchors_in(file.read_text())):
                broken.append(target)

        assert broken == []


def test_the_index_of_decisions_lists_each_once() -> None:
    files = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))

    assert sorted(links_in((DECISIONS / "README.md").read_text())) == files
    assert [name[:4] for name in files] == [f"{n:04}" for n in range(1, len(files) + 1)]


def test_identifiers_are_told_from_other_words() -> None:
    text = "`run_queue` `SheetType` `WORKERS` `ready` `make run` `Title`"

    assert list(identifiers_in(text)) == ["run_queue", "SheetType", "WORKERS"]


def test_paths_are_told_from_other_words() -> None:
    text = "`tests/test_docs.py` `manage.py` `/sources/` `a/b` `[[x]]`\n```\n`docs/none.md`\n```\n"

    assert list(paths_in(text)) == ["tests/test_docs.py", "manage.py"]
