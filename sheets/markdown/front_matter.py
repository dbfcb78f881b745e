"""Read and write front matter: YAML before a Markdown text. Pure.

Every value is written as JSON on one line, which is YAML too. Read is any YAML of strings, numbers,
true, false, null, lists and mappings, within bounds and without aliases: dates and `oui` are words.
"""

import json
import re
from collections.abc import Hashable, Mapping
from typing import Any

import yaml

LARGEST = 200_000
"""Characters of front matter."""
DEEPEST = 20
"""Levels of lists and mappings in each other."""

# Characters that JSON may hold as they are and YAML may not, or takes for line ends.
NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
JSON_LINE = re.compile(r'^ *[^\s:"\'][^:\n]*: ["\[{].*$', re.MULTILINE)
WITH_COLON = re.compile(
    r"^((?:  )?[^\s:\"'#-][^:\n]*: )([^\s\"'\[{|>&*!%@`][^\n]*?:(?: .*)?)$", re.M
)
PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", re.IGNORECASE)


class FrontMatterError(ValueError):
    """The front matter of a file cannot be read; the message says why."""


class Loader(yaml.SafeLoader):
    """Loads the types of JSON, without aliases, to a bounded depth; keys are strings."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node; raises YAMLError for an alias, or below `DEEPEST`."""
        self.depth += 1
        if self.check_event(yaml.AliasEvent) or self.depth > DEEPEST:
            raise yaml.YAMLError("an alias, or too deep")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping; raises YAMLError for a key that is not a scalar."""
        found: dict[Hashable, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError("a key that is not a word")
            found[key.value] = self.construct_object(value, deep=True)
        return found


def construct_float(loader: Any, node: Any) -> float:
    return float(node.value)


Loader.add_constructor("tag:yaml.org,2002:float", construct_float)
for kind, pattern, first in (
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9]\d{0,18})$", [*"-0123456789"]),
    ("float", r"^-?(?:0|[1-9]\d{0,18})(?:\.\d{1,30})?(?:[eE][-+]?\d{1,3})?$", [*"-0123456789"]),
):
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(pattern), first)


def add_front_matter(facts: Mapping[str, Any], body: str) -> str:
    """Return the text with front matter; a mapping has one line per key, for readable diffs."""
    lines: list[str] = []
    for key, value in facts.items():
        if isinstance(value, Mapping) and value:
            lines.append(f"{key}:")
            lines += [f"  {k}: {dump_value(v)}" for k, v in value.items()]
        else:
            lines.append(f"{key}: {dump_value(value)}")
    return "---\n" + "\n".join(lines) + f"\n---\n\n{body}"


def split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Return the front matter and the body of a text; raise FrontMatterError."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if not text.startswith("---\n"):
        return {}, text
    text += "\n" * text.endswith("\n---")
    head, mark, body = text[4:].partition("\n---\n")
    if not mark or len(head) > LARGEST:
        raise FrontMatterError("---" if not mark else f"{len(head)} characters")
    return load_mapping(head), body.removeprefix("\n")


def load_mapping(head: str) -> dict[str, Any]:
    """Return the mapping of front matter; a colon in words that people typed is part of them."""
    if NOT_YAML.search(head):
        head = NOT_YAML.sub(" ", JSON_LINE.sub(lambda m: escape_characters(m[0]), head))
    head = PAIR.sub(lambda m: str(json.loads(f'"{m[0]}"')), head)
    try:
        try:
            facts = yaml.load(head, Loader)  # noqa: S506 (a SafeLoader)
        except yaml.YAMLError:
            quoted = WITH_COLON.sub(lambda m: m[1] + dump_value(m[2].strip()), head)
            facts = yaml.load(quoted, Loader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FrontMatterError(str(error)[:200]) from error
    if not isinstance(facts, dict | None):
        raise FrontMatterError(type(facts).__name__)
    return facts or {}


def dump_value(value: Any) -> str:
    return escape_characters(json.dumps(value, ensure_ascii=False, sort_keys=True))


def escape_characters(text: str) -> str:
    """Return JSON with the characters escaped that YAML does not hold."""
    return NOT_YAML.sub(lambda m: f"\\u{ord(m[0]):04x}", text)
