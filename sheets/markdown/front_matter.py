"""Read and write front matter: YAML with JSON values before a Markdown text. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

LINE = re.compile(r"^( *)([^\s:][^:]*):(?: (.*))?$")


class FrontMatterError(ValueError):
    """The front matter of a file cannot be read; the message is the invalid line."""


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
    head, mark, body = text[4:].partition("\n---\n")
    if not mark:
        raise FrontMatterError("---")
    facts: dict[str, Any] = {}
    inner: dict[str, Any] = {}
    for line in head.split("\n"):
        match = LINE.match(line)
        if not match:
            raise FrontMatterError(line[:80])
        into = inner if match[1] else facts
        if match[3] is None:
            inner = facts[match[2]] = {}
        else:
            into[match[2]] = load_value(match[3])
    return facts, body.removeprefix("\n")


def dump_value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def load_value(text: str) -> Any:
    """Return a JSON value; other text as it is, since people edit it by hand."""
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()
