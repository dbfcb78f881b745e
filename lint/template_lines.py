"""Hold the lines of templates to a width: `python -m lint.template_lines FILE…`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

WIDTH = 120


def long_lines(text: str) -> Iterator[tuple[int, int]]:
    """Yield the number and the width of each line that is too long."""
    for number, line in enumerate(text.splitlines(), start=1):
        if len(line) > WIDTH:
            yield number, len(line)


def main(names: Iterable[str]) -> int:
    """Print each line that is too long; return 1 if there is one, else 0."""
    found = [
        f"{name}:{number}: {width} columns, {WIDTH} at most"
        for name in names
        for number, width in long_lines(Path(name).read_text())
    ]
    for line in found:
        print(line)  # noqa: T201 - the output of a command
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
