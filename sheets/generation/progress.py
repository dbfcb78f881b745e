"""Progress of a generation, for the pages that show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from sheets.models import Generation, Section, SectionRun
from sheets.models.generation import GenerationQuerySet


@dataclass(frozen=True)
class SectionProgress:
    """The state of one section: `passages` counts the passages shown, `error` is a sentence."""

    heading: str
    state: str
    passages: int
    error: str


@dataclass(frozen=True)
class GenerationProgress:
    """A generation with its sections; `unread` counts the sources not yet ingested."""

    generation: Generation
    lines: tuple[SectionProgress, ...]
    unread: int

    @property
    def done(self) -> int:
        return sum(line.state == SectionRun.State.DONE for line in self.lines)

    @property
    def total(self) -> int:
        return len(self.lines)


def with_progress(generations: Any) -> GenerationQuerySet:
    """Annotate each generation with `section_count` and `sections_done`, and load its sheet."""
    done = Q(sections__state=SectionRun.State.DONE)
    rows: GenerationQuerySet = (
        generations.select_related("sheet", "sheet__sheet_type")
        .annotate(section_count=Count("sections"), sections_done=Count("sections", filter=done))
        .order_by("created_at", "id")
    )
    return rows


def generation_outline(generation: Generation) -> GenerationProgress:
    """Return the progress of a generation, section by section."""
    runs = {run.key: run for run in generation.sections.all()}
    sections = Section.objects.filter(sheet_type=generation.sheet.sheet_type_id)
    unread = generation.documents.in_progress().count() if generation.state == "waiting" else 0
    return GenerationProgress(generation, tuple(_section_lines(sections, runs)), unread)


def _section_lines(
    sections: Iterable[Section], runs: dict[str, SectionRun]
) -> Iterable[SectionProgress]:
    for section in sections:
        run = runs.get(section.key)
        if run is None:
            if not runs and section.role != Section.Role.COMPUTED:
                yield SectionProgress(section.heading, SectionRun.State.WAITING, 0, "")
            continue
        yield SectionProgress(section.heading, run.state, len(run.passages), run.error)
