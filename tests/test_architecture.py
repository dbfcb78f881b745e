"""What holds the plan of the code: unique class names, pure packages, old names of tasks."""

import ast
import os
import subprocess
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("api", "sheets", "ingestion", "wikico2")
PURE = ("sheets.markdown", "sheets.merge", "sheets.verification", "wikico2.text")
FREE = {"Command", "Migration", "Meta"}
"""Class names that a framework asks for."""
MOST_FLAT_MODULES = 16
MOST_SHARED = 0.08
"""Which share of function names may be defined in two or more modules."""

IMPORT_TIME = """
import sys, time
begun = time.process_time()
for name in sys.argv[1:]:
    __import__(name)
print(time.process_time() - begun, "django" in sys.modules)
"""


def modules(app: str) -> list[Path]:
    """Return the modules of an app, migrations aside."""
    return [p for p in (ROOT / app).rglob("*.py") if "migrations" not in p.parts]


def names(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> dict[str, set[Path]]:
    """Return in which modules each top-level name of that kind is defined."""
    found: dict[str, set[Path]] = defaultdict(set)
    for app in APPS:
        for path in modules(app):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, kind):
                    found[node.name].add(path)  # type: ignore[attr-defined]
    return found


def dotted(package: str) -> list[str]:
    """Return the names of all modules of a package."""
    folder = ROOT / package.replace(".", "/")
    return [package, *(f"{package}.{p.stem}" for p in folder.glob("[!_]*.py"))]


def test_no_class_name_stands_in_two_modules() -> None:
    twice = {n: p for n, p in names(ast.ClassDef).items() if len(p) > 1 and n not in FREE}
    assert not twice


def test_few_function_names_stand_in_two_modules() -> None:
    found = names((ast.FunctionDef, ast.AsyncFunctionDef))
    shared = [name for name, paths in found.items() if len(paths) > 1]
    assert len(shared) < MOST_SHARED * len(found), sorted(shared)


@pytest.mark.parametrize("app", ["sheets", "ingestion"])
def test_an_app_is_packages_rather_than_a_flat_list(app: str) -> None:
    assert len(list((ROOT / app).glob("*.py"))) <= MOST_FLAT_MODULES


def test_pure_packages_import_fast_and_without_django() -> None:
    every = [name for package in PURE for name in dotted(package)]
    command = [sys.executable, "-c", IMPORT_TIME, *every]
    runs = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env={})
        for _ in range(3)
    ]
    seconds, with_django = zip(*(run.stdout.split() for run in runs), strict=True)
    assert set(with_django) == {"False"}
    assert min(map(float, seconds)) < 0.1


def test_all_receivers_are_registered_once_the_apps_are_ready() -> None:
    wanted = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for app in APPS
        for path in modules(app)
        if "\n@receiver(" in path.read_text()
    }
    code = "import django, sys; django.setup(); print(*sys.modules)"
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "wikico2.settings"}
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert wanted
    assert wanted <= set(run.stdout.split())


@pytest.mark.parametrize(
    "name",
    [
        "ingestion.tasks.deliver",
        "ingestion.tasks.read_words",
        "sheets.tasks.find_awaited",
        "sheets.tasks.run_errand",
        "wikico2.queue.resume_stalled",
    ],
)
def test_tasks_of_the_version_before_are_still_found(name: str) -> None:
    module, _, function = name.rpartition(".")
    assert callable(getattr(import_module(module), function))
