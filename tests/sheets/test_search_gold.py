"""The judged queries of `gold/search.jsonl` over the demonstration wiki find what they should.

An answer of a query on sources is (file, page), of one on sheets a title. The model service is
the tests' own, whose vectors know words only: what a real model adds comes on top.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import call_command

from sheets.search import Hit, search_wiki
from tests.conftest import run_queue

GOLD = Path(__file__).parent.parent / "gold" / "search.jsonl"
FIRST = 3
FLOORS = {"words": 0.93, "both": 0.93}
"""The share of the queries that have an answer among the first three."""
LEAST_OF_A_FORM = 0.8


def queries() -> list[dict[str, Any]]:
    return [json.loads(line) for line in GOLD.read_text("utf-8").splitlines()]


@pytest.fixture
def demonstration(db: None) -> None:
    call_command("load_demo", verbosity=0)
    run_queue()


def answers(query: dict[str, Any]) -> set[Any]:
    if query["kind"] == "sheets":
        return set(query["answers"])
    return {(file, page) for file, page in query["answers"]}


def told(hit: Hit, files: dict[int, str]) -> Any:
    return hit.title if hit.kind == "sheets" else (files[hit.document_id or 0], hit.page)


def test_each_form_of_query_is_among_the_judged_ones() -> None:
    counts: dict[str, int] = defaultdict(int)
    for query in queries():
        counts[query["form"]] += 1
        assert query["answers"]
    assert sum(counts.values()) >= 150
    assert counts.keys() >= {"accents", "plural", "typo", "synonym", "chemistry", "question"}


@pytest.mark.usefixtures("demonstration")
def test_the_judged_queries_find_their_answers() -> None:
    from ingestion.models import Document

    files = {d.pk: d.filename for d in Document.objects.all()}
    for method, floor in FLOORS.items():
        forms: dict[str, list[bool]] = defaultdict(list)
        missed = []
        for query in queries():
            results = search_wiki(
                query["q"],
                user=AnonymousUser(),
                kind=query["kind"],
                page_size=FIRST,
                dense=method == "both",
            )
            found = [told(hit, files) for hit in results.hits]
            good = bool(answers(query).intersection(found))
            forms[query["form"]].append(good)
            if not good:
                missed.append(f"{query['form']}: {query['q']} → {found}")
        every = [good for outcomes in forms.values() for good in outcomes]
        report = "\n".join([f"{method}: {sum(every)} of {len(every)}", *missed])
        assert sum(every) >= floor * len(every), report
        for form, outcomes in forms.items():
            assert sum(outcomes) >= LEAST_OF_A_FORM * len(outcomes), f"{form}\n{report}"
