"""The API of the site: its operations, its schema, its errors."""

from typing import Any, ClassVar

import orjson
from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import NinjaAPI
from ninja.operation import Operation
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from api.auth import SessionAuth, TokenAuth, public_reader
from api.problems import MEDIA_TYPE, ProblemOut, add_problem_handlers
from api.routes import (
    curation,
    discussions,
    hooks,
    jobs,
    library,
    own,
    people,
    pictures,
    proposals,
    search,
    seed,
    sheet_sources,
    sheets,
    sources,
    states,
    types,
    writing,
)

DESCRIPTION = """\
Read and write the wiki. A token is made on one's own page and sent as `Authorization: Bearer wk_…`;
a session of the site works too, with its CSRF token in `X-CSRFToken`. Reading needs neither where
the site is public.

Lists have `limit` and `cursor`; `fields=a,b` shortens answers; `ETag` and `If-None-Match` spare
them. An edit names the version that it started from, in `base` or in `If-Match`. A request that
creates something may carry an `Idempotency-Key`: sent again, it gets the first answer. Errors are
`application/problem+json` with a `code`. Long work answers 202 with the address of a job, which is
asked again until its state is `done` or `failed`.

These examples run as they stand, with `SITE` and `TOKEN` set, beside a file `guide.pdf`:

```sh
# Upload a source; it is read in the background.
curl -H "Authorization: Bearer $TOKEN" -F file=@guide.pdf "$SITE/v1/sources"

# Create a sheet with a text of one's own; sent again, this gets the first answer.
curl -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: exemple-1" \\
  -H "Content-Type: application/json" \\
  -d '{"type": "solution", "title": "Exemple de fiche", "markdown": "## Notes\\n\\nUn texte."}' \\
  "$SITE/v1/sheets"

# Read some of it.
curl "$SITE/v1/sheets/exemple-de-fiche?fields=title,version,statements"

# Edit one section of version 1.
curl -X PUT -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '{"base": 1, "section": "notes", "markdown": "## Notes\\n\\nUn autre texte."}' \\
  "$SITE/v1/sheets/exemple-de-fiche"

# Have a sheet written from a PDF, as the prototype did; ask the job that it names.
curl -H "Authorization: Bearer $TOKEN" -F file=@guide.pdf "$SITE/v1/process/solution?wait=1"

# Search, and retrieve the passages that answer a question.
curl -G --data-urlencode "q=exemple de fiche" "$SITE/v1/search"
curl -G --data-urlencode "q=quel gain d'énergie ?" "$SITE/v1/retrieve"
```
"""
ERRORS = ("401", "403", "404", "409", "412", "413", "415", "422", "428", "429", "503")
NUL = "\0"


class JsonParser(Parser):
    """Reads JSON without NUL, which PostgreSQL refuses."""

    def parse_body(self, request: HttpRequest) -> Any:
        content = orjson.loads(request.body)
        return without_nul(content) if b"\\u0000" in request.body else content


def without_nul(value: Any) -> Any:
    """Return a JSON value without NUL in its texts."""
    if isinstance(value, str):
        return value.replace(NUL, "")
    if isinstance(value, list):
        return [without_nul(one) for one in value]
    if isinstance(value, dict):
        return {without_nul(key): without_nul(one) for key, one in value.items()}
    return value


class JsonRenderer(BaseRenderer):
    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return orjson.dumps(data, option=orjson.OPT_UTC_Z)  # as pydantic writes times


class WikiApi(NinjaAPI):
    """The API, with its errors in the schema."""

    _schemas: ClassVar[dict[str | None, Any]] = {}

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the name of an operation for generated clients: `sheets_read`."""
        view = operation.view_func
        return f"{view.__module__.rpartition('.')[2]}_{view.__name__}"

    def get_openapi_schema(self, **options: Any) -> Any:
        """Return the schema, which is built once for each language."""
        language = get_language()
        if language not in self._schemas:
            self._schemas[language] = self._build_schema(**options)
        return self._schemas[language]

    def _build_schema(self, **options: Any) -> Any:
        """Return the schema; every operation may answer with a problem."""
        schema = super().get_openapi_schema(**options)
        components = schema["components"]
        written = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
        components["schemas"] |= written.pop("$defs", {}) | {"ProblemOut": written}
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}
        components["responses"] = {"Problem": {"description": "Problem", "content": content}}
        problem = {"$ref": "#/components/responses/Problem"}
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                answers = operation["responses"]
                operation["responses"] = {str(status): one for status, one in answers.items()}
                for status in ERRORS:
                    operation["responses"].setdefault(status, problem)
                if method == "get":
                    operation["security"] = [{}, *operation.get("security", [])]
                    operation["responses"].setdefault("304", {"description": "Not Modified"})
                    if "{slug}" in path:  # the sheet was renamed
                        operation["responses"].setdefault("302", {"description": "Found"})
                else:
                    operation["responses"].setdefault("400", problem)
        return schema


api = WikiApi(
    title="WikiCO2",
    version="1.0",
    description=DESCRIPTION,
    docs_url=None,
    urls_namespace="v1",
    auth=[TokenAuth(), SessionAuth(), public_reader],
    parser=JsonParser(),
    renderer=JsonRenderer(),
)
add_problem_handlers(api)
api.add_router("/sheets", sheets.router)
api.add_router("/sheets", writing.router)
api.add_router("/sheets", states.router)
api.add_router("/sheets", sheet_sources.router)
api.add_router("/sheets", discussions.router)
api.add_router("/sources", sources.router)
api.add_router("/sources", sheet_sources.concerned_router)
api.add_router("/imports", sources.imports_router)
api.add_router("/types", types.router)
api.add_router("/jobs", jobs.router)
api.add_router("/queue", jobs.queue_router)
for router in (
    people.router,
    own.router,
    curation.router,
    pictures.router,
    proposals.router,
    search.router,
    writing.watched_router,
    library.router,
    library.transfer_router,
    seed.router,
    states.deleted_router,
    hooks.router,
):
    api.add_router("", router)
