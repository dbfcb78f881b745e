"""What templates look up exists: a name changed in Python only would leave a blank on the page."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import Engine, Variable, engines
from django.template.base import FilterExpression, Node
from django.template.smartif import TokenBase

from wikico2.accounts.rules import RULES

BASE = Path(settings.BASE_DIR)
OURS = ("wikico2", "ingestion", "sheets", "api")
DJANGOS = {
    *("as_hidden", "choice_label", "html_name", "id_for_label", "is_bound", "is_hidden"),
    *("label_tag", "non_field_errors", "subwidgets", "level_tag", "super"),
    *("counter", "counter0", "first", "last", "parentloop", "forloop"),
    *("end_index", "has_next", "has_previous", "next_page_number", "previous_page_number"),
    *("num_pages", "object_list", "paginator", "start_index"),
    *("get_full_path", "resolver_match", "url_name", "is_authenticated", "is_staff"),
    *("validlink",),
    *("True", "False", "None"),
    *("perms", "request", "user", "messages", "block", "original", "opts", "LANGUAGE_CODE"),
    *("app_list", "admin_url", "object_name"),
}
"""Names of Django's forms, paginators, loops, requests, users and lists of models."""
MADE_FROM_OURS = re.compile(r"get_(\w+)_display|(\w+)_id|(?:add|change|delete|view)_(\w+)")


def python_names() -> set[str]:
    """Return the names that our Python code defines, assigns, passes or has as a string."""
    found: set[str] = set()
    for folder in OURS:
        for path in (BASE / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                    found |= names_in(node)
    return found


def names_in(node: ast.AST) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            return {name}
        case ast.keyword(arg=str(name)):
            return {name}
        case ast.Constant(value=str(text)) if text.isidentifier():
            return {text}
    return set()


def looked_up(part: Any) -> Iterator[tuple[str, ...]]:
    """Return the variables of a compiled template, each as its names between the dots."""
    if isinstance(part, Variable):
        if part.lookups:
            yield part.lookups
    elif isinstance(part, (list, tuple)):
        for one in part:
            yield from looked_up(one)
    elif isinstance(part, dict):
        yield from looked_up(list(part.values()))
    elif isinstance(part, FilterExpression):
        yield from looked_up([part.var, part.filters])
    elif isinstance(part, (Node, TokenBase)):
        yield from looked_up(list(vars(part).values()))


def given_names(text: str) -> set[str]:
    """Return the names that a template gives itself."""
    found = {*re.findall(r"\bas (\w+)", text), *re.findall(r"\b(\w+)=", text)}
    for names in re.findall(r"{% for ([\w, ]+) in ", text):
        found |= set(re.split(r"[, ]+", names))
    return found


def test_every_name_in_a_template_exists() -> None:
    known = python_names() | DJANGOS
    models = {name.lower() for name in known}
    engine: Engine = engines["django"].engine  # type: ignore[attr-defined]
    texts = {p: p.read_text("utf-8") for p in sorted((BASE / "templates").rglob("*.html"))}
    known |= {name for text in texts.values() for name in given_names(text)}
    unknown: dict[str, set[str]] = {}
    for path, text in texts.items():
        for names in looked_up(engine.from_string(text).nodelist):
            if names[0] == "may":
                if ".".join(names[1:]) not in RULES:
                    unknown.setdefault(".".join(names), set()).add(path.name)
                continue
            for name in names:
                made = MADE_FROM_OURS.fullmatch(name)
                of = next((part for part in made.groups() if part), "") if made else ""
                if not (name.isdecimal() or name in known or of in known | models):
                    unknown.setdefault(".".join(names), set()).add(path.name)
    assert unknown == {}
