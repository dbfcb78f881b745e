"""The contract of the API is kept in the repository: what changes of it shows in the commit.

Run it once with `WRITE_CONTRACT=1` if the change is wanted.
"""

import json
import os
from pathlib import Path

from api.site import api

WRITTEN = Path(__file__).parent / "openapi.json"


def contract() -> str:
    schema = api.get_openapi_schema()
    return json.dumps(schema, indent=1, ensure_ascii=False, sort_keys=True, default=str) + "\n"


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
