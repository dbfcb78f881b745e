"""The contract of the API is kept in the repository: what changes of it shows in the commit.

Run it once with `WRITE_CONTRACT=1` if the change is wanted.
"""

import json
import os
from pathlib import Path
from typing import Any

from api.site import api

WRITTEN = Path(__file__).parent / "openapi.json"
WIDTH = 100


def contract() -> str:
    return laid_out(json.loads(json.dumps(api.get_openapi_schema(), default=str))) + "\n"


def laid_out(value: Any, indent: int = 0, key: str = "") -> str:
    """Return JSON in which each object or list that fits on a line stands on one."""
    start = " " * indent + key
    line = start + json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(line) < WIDTH or not value or not isinstance(value, dict | list):
        return line
    if isinstance(value, list):
        parts, brackets = [laid_out(one, indent + 1) for one in value], "[]"
    else:
        keys = {name: f"{json.dumps(name, ensure_ascii=False)}: " for name in sorted(value)}
        parts = [laid_out(value[name], indent + 1, keys[name]) for name in keys]
        brackets = "{}"
    below = ",\n".join(parts)
    return f"{start}{brackets[0]}\n{below}\n{' ' * indent}{brackets[1]}"


def test_the_contract_is_the_one_that_is_kept() -> None:
    now = contract()
    if os.environ.get("WRITE_CONTRACT"):
        WRITTEN.write_text(now)
    assert now == WRITTEN.read_text()


def test_every_operation_has_a_name_a_sentence_and_a_typed_answer() -> None:
    names: list[str] = []
    for path, operations in json.loads(contract())["paths"].items():
        for method, operation in operations.items():
            names.append(operation["operationId"])
            assert operation["description"].endswith("."), (method, path)
            good = [s for s in operation["responses"] if s.startswith("2")]
            assert good, (method, path)
            for status in good:
                assert status == "204" or operation["responses"][status]["content"], (method, path)
    assert len(names) == len(set(names))
