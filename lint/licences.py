"""Check the licences of all locked packages: `python -m lint.licences`.

What is checked is what the lock files name. A Python package's licence is read from its installed
metadata, of the locked version; an npm package's from `package-lock.json`. `licences.toml` lists
the licences that are allowed, and the packages whose metadata does not tell theirs, or that this
platform does not install, each with its licence and a reason.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parent
PYTHON_LOCKS = (HERE.parent / "requirements.lock", HERE.parent / "requirements-dev.lock")
NPM_LOCK = HERE / "package-lock.json"
POLICY = HERE / "licences.toml"

# Classifiers that name one licence, or only licences that are treated alike here.
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License (GPL)": "GPL-1.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
}


@dataclass(frozen=True)
class Policy:
    """The allowed SPDX identifiers, and the licences of packages that are listed by hand."""

    allowed: frozenset[str]
    listed: dict[str, str]

    @classmethod
    def from_toml(cls, text: str) -> Policy:
        """Read the policy; raise ValueError for a package that is listed without its reason."""
        table = tomllib.loads(text)
        for name, entry in table["packages"].items():
            if not entry.get("reason"):
                raise ValueError(f"{name} is listed without a reason")
        listed = {name: entry["licence"] for name, entry in table["packages"].items()}
        return cls(frozenset(table["allowed"]), listed)


def spdx(text: str) -> str | None:
    """Return the text as a normalized SPDX expression, None where it is not one."""
    try:
        return canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return None


def is_allowed(expression: str, allowed: frozenset[str]) -> bool:
    """Tell whether an SPDX expression can be met with allowed licences alone.

    One side of an OR is enough, an AND needs both; AND binds tighter. An exception after WITH only
    adds permissions, so the licence before it decides.
    """
    tokens = re.findall(r"[()]|[^\s()]+", expression)

    def either() -> bool:
        met = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":  # noqa: S105 - a bracket, no password
            met = either()
            tokens.pop(0)
            return met
        if tokens and tokens[0] == "WITH":
            del tokens[:2]
        return token in allowed

    return either()


def stated_licence(metadata: Message) -> str | None:
    """Return what a Python package's metadata states as an SPDX expression, None if unclear.

    License-Expression decides where it is given. Otherwise the licence field and the classifiers
    must all be met, since they do not tell whether the user may choose.
    """
    if expression := metadata.get("License-Expression"):
        return spdx(expression)
    stated = []
    if field := spdx(metadata.get("License") or ""):
        stated.append(f"({field})")
    for classifier in metadata.get_all("Classifier", []):
        kind, *_, name = classifier.split(" :: ")
        if kind == "License" and name != "OSI Approved":
            if name not in CLASSIFIERS:
                return None
            stated.append(CLASSIFIERS[name])
    return " AND ".join(dict.fromkeys(stated)) or None


def locked_requirements(text: str) -> Iterator[Requirement]:
    """Yield the pinned requirements of a lock file, without their hashes."""
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            yield Requirement(line.rstrip(" \\"))


def python_licence(requirement: Requirement) -> str | None:
    """Return the licence of a locked package as installed, None where it is not installed."""
    if requirement.marker and not requirement.marker.evaluate():
        return None
    try:
        distribution = importlib.metadata.distribution(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return None
    if not requirement.specifier.contains(distribution.version, prereleases=True):
        return None
    return stated_licence(distribution.metadata)  # type: ignore[arg-type]


def npm_licences(lock: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield the name, after `npm:`, and the licence of each package of a `package-lock.json`."""
    for path, package in lock["packages"].items():
        if path:
            name = path.rpartition("node_modules/")[2]
            yield f"npm:{name}", spdx(package.get("license", ""))


def problem(name: str, stated: str | None, policy: Policy) -> str | None:
    """Return what is wrong with the licence of a package; the listed one comes first."""
    licence = policy.listed.get(name, stated)
    if licence is None:
        return f"{name}: licence unknown here; list it in lint/licences.toml with a reason"
    if not is_allowed(licence, policy.allowed):
        return f"{name}: {licence} is not allowed"
    return None


def main() -> int:
    """Print each problem; return 1 if there is one, else 0."""
    policy = Policy.from_toml(POLICY.read_text())
    stated: list[tuple[str, str | None]] = [
        (canonicalize_name(requirement.name), python_licence(requirement))
        for lock in PYTHON_LOCKS
        for requirement in locked_requirements(lock.read_text())
    ]
    stated += npm_licences(json.loads(NPM_LOCK.read_text()))
    problems = [found for name, licence in stated if (found := problem(name, licence, policy))]
    locked = {name for name, _ in stated}
    problems += [
        f"{name}: listed in lint/licences.toml, but not locked"
        for name in policy.listed
        if name not in locked
    ]
    for line in dict.fromkeys(problems):
        print(line)  # noqa: T201 - the output of a command
    if not problems:
        print(f"Licences of {len(locked)} locked packages: all allowed")  # noqa: T201
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
