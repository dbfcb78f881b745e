"""The check of licences: what is let in, what is refused, what must be listed with a reason."""

from __future__ import annotations

from email.message import Message

import pytest
from packaging.requirements import Requirement

from lint import licences

ALLOWED = frozenset({"MIT", "Apache-2.0", "LGPL-3.0-or-later"})
POLICY = licences.Policy(ALLOWED, {"listed": "MIT", "listed-gpl": "GPL-3.0-only"})


def metadata(**fields: str | list[str]) -> Message:
    """Build a package's metadata; `_` in a field's name stands for `-`."""
    message = Message()
    for name, value in fields.items():
        for one in [value] if isinstance(value, str) else value:
            message[name.replace("_", "-")] = one
    return message


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("MIT OR GPL-2.0-only", True),
        ("MIT AND GPL-2.0-only", False),
        ("GPL-2.0-only OR MIT AND GPL-3.0-only", False),
        ("(GPL-2.0-only OR MIT) AND Apache-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only WITH GCC-exception-3.1 OR MIT", True),
        ("LicenseRef-Proprietary", False),
    ],
)
def test_an_expression_is_allowed_when_allowed_licences_meet_it(
    expression: str, expected: bool
) -> None:
    assert licences.is_allowed(expression, ALLOWED) is expected


@pytest.mark.parametrize(
    "stated",
    [
        metadata(License_Expression="GPL-3.0-or-later"),
        metadata(License="GPL-3.0-or-later"),
        metadata(
            Classifier="License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
        ),
        metadata(
            License="MIT",
            Classifier="License :: OSI Approved :: GNU Affero General Public License v3",
        ),
    ],
)
def test_a_gpl_package_fails_wherever_it_states_its_licence(stated: Message) -> None:
    found = licences.problem("some", licences.stated_licence(stated), POLICY)
    assert found is not None
    assert "is not allowed" in found


def test_a_permissive_package_passes() -> None:
    stated = metadata(
        License="Apache-2.0",
        Classifier=["Framework :: Django", "License :: OSI Approved :: MIT License"],
    )
    assert licences.problem("some", licences.stated_licence(stated), POLICY) is None


@pytest.mark.parametrize(
    "stated",
    [
        metadata(),
        metadata(License="See the file"),
        metadata(License_Expression="Nothing known"),
        metadata(License="MIT", Classifier="License :: Other/Proprietary License"),
    ],
)
def test_an_unknown_licence_fails_unless_listed(stated: Message) -> None:
    licence = licences.stated_licence(stated)
    assert "licence unknown" in (licences.problem("some", licence, POLICY) or "")
    assert licences.problem("listed", licence, POLICY) is None


def test_a_listed_licence_must_be_allowed_too() -> None:
    assert licences.problem("listed-gpl", "MIT", POLICY) == (
        "listed-gpl: GPL-3.0-only is not allowed"
    )


def test_a_package_is_not_listed_without_a_reason() -> None:
    with pytest.raises(ValueError, match="some is listed without a reason"):
        licences.Policy.from_toml('allowed = []\n[packages.some]\nlicence = "MIT"')


def test_only_the_locked_version_of_a_package_tells_its_licence() -> None:
    assert licences.python_licence(Requirement("pytest==0.1")) is None
    assert licences.python_licence(Requirement("no-such-package==1.0")) is None
    assert licences.python_licence(Requirement('pytest>0.1 ; sys_platform == "none"')) is None
    assert licences.python_licence(Requirement("pytest>0.1")) == "MIT"


def test_the_lock_files_are_read() -> None:
    text = "a-b==1.0 ; python_version < '4' \\\n    --hash=sha256:0\n    # via c\nd==2.0\n"
    assert [str(one) for one in licences.locked_requirements(text)] == [
        'a-b==1.0; python_version < "4"',
        "d==2.0",
    ]
    lock = {"packages": {"": {}, "a/node_modules/@b/c": {"license": "mit"}, "node_modules/d": {}}}
    assert list(licences.npm_licences(lock)) == [("npm:@b/c", "MIT"), ("npm:d", None)]


def test_no_lock_file_names_an_address_to_download_from() -> None:
    for lock in licences.PYTHON_LOCKS:
        assert "://" not in lock.read_text()
    assert '"resolved"' not in licences.NPM_LOCK.read_text()
