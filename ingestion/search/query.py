"""Parse a search query: words, "exact phrase", -without, OR, field:value. Pure; never fails."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wikico2.text.analyzer import compose_accents
from wikico2.text.normalize import fold_text, folded_words

INTERROGATIVES = frozenset(
    "comment combien pourquoi quand quel quelle quels quelles qui quoi lequel laquelle".split()
)
MAX_LENGTH = 500
MAX_ITEMS = 40
OR = frozenset({"OR", "OU", "|", "||"})
QUOTES = {'"': '"', "«": "»", "“": "”", "„": "“"}
ITEM = re.compile(
    r"""(?P<without>-(?=[^\W_]|["«“„]))?
        (?:(?P<field>[^\W\d_]+):(?=\S))?
        (?:(?P<quote>["«“„])(?P<phrase>[^"«»“”„]*)["»”“]?|(?P<word>[^\s"«»“”„]+)|["»”])""",
    re.VERBOSE,
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)?[^\W\d_]{0,3}$")


@dataclass(frozen=True)
class QueryClause:
    """Words that must occur together; as a phrase, consecutively."""

    text: str
    phrase: bool = False


@dataclass(frozen=True)
class ParsedQuery:
    """A parsed query.

    `wanted` are the required clauses, each a tuple of alternatives (OR); consecutive plain words
    are one clause. `without` are the excluded clauses, `fields` the required values by field.
    `text` is the text for vector search. `about` is the subject: texts about it rank first.
    `is_spelled` says that the words need no spelling correction.
    """

    raw: str = ""
    wanted: tuple[tuple[QueryClause, ...], ...] = ()
    without: tuple[QueryClause, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    about: str = ""
    is_spelled: bool = False

    @property
    def text(self) -> str:
        return " ".join(item.text for choice in self.wanted for item in choice)

    @property
    def has_operators(self) -> bool:
        """Tell whether the query is more than plain words."""
        plain = all(len(choice) == 1 and not choice[0].phrase for choice in self.wanted)
        return bool(self.without) or not plain

    @property
    def is_question(self) -> bool:
        """Tell whether this is a question: an answer need not contain all its words."""
        first = next(iter(folded_words(self.raw)), "")
        return self.raw.endswith("?") or first in INTERROGATIVES

    def __bool__(self) -> bool:
        return bool(self.wanted or self.without or self.fields)


@dataclass
class _ParserState:
    """The clauses so far; `joining` says that the next one is the right side of an OR."""

    choices: list[list[QueryClause]] = field(default_factory=list)
    without: list[QueryClause] = field(default_factory=list)
    fields: dict[str, list[str]] = field(default_factory=dict)
    joining: bool = False

    def want(self, item: QueryClause) -> None:
        if self.joining and self.choices:
            self.choices[-1].append(item)
        else:
            self.choices.append([item])
        self.joining = False


def parse_query(raw: str, fields: Mapping[str, str] = {}) -> ParsedQuery:
    """Parse a query; `fields` maps the folded names allowed before a colon to field keys."""
    text = compose_accents(" ".join(strip_unprintable(raw[:MAX_LENGTH]).split()))
    state = _ParserState()
    for match in list(ITEM.finditer(text))[:MAX_ITEMS]:
        _read_clause(match, fields, state)
    return ParsedQuery(
        raw=text,
        wanted=tuple(_merge_plain_words(state.choices)),
        without=tuple(state.without),
        fields={name: tuple(values) for name, values in state.fields.items()},
    )


def strip_unprintable(text: str) -> str:
    """Return the text with NUL and lone surrogates, which PostgreSQL refuses, as spaces."""
    return "".join(" " if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in text)


def _read_clause(match: re.Match[str], fields: Mapping[str, str], state: _ParserState) -> None:
    word, name = match["word"], match["field"]
    value = (match["phrase"] if match["quote"] else word or "").strip()
    if word in OR and not name and not match["without"]:
        state.joining = bool(state.choices)
        return
    if not value:
        return
    known = fields.get(fold_text(name)) if name else None
    if known and not match["without"]:
        state.fields.setdefault(known, []).append(value)
        return
    item = QueryClause(value if known or not name else f"{name}:{value}", bool(match["quote"]))
    if match["without"] and not NUMBER.match(value):
        state.without.append(item)
    else:
        state.want(item)


def _merge_plain_words(choices: Sequence[list[QueryClause]]) -> Iterator[tuple[QueryClause, ...]]:
    """Join consecutive plain words into one clause: a term may have several words."""
    run: list[str] = []
    for choice in choices:
        if len(choice) == 1 and not choice[0].phrase:
            run.append(choice[0].text)
            continue
        if run:
            yield (QueryClause(" ".join(run)),)
            run = []
        yield tuple(choice)
    if run:
        yield (QueryClause(" ".join(run)),)
