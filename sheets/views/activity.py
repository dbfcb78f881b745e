"""Recent changes: the activity page, its feed, watches and the digest."""

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import conditional_page, require_POST, require_safe

from sheets.models import Digest, SearchedSheet, SheetEvent, SheetType, Watch
from sheets.notifications.activity import (
    ACTIVITY_FILTER,
    MACHINE,
    PEOPLE,
    ActivityList,
    list_changes,
    list_events,
    list_lost_citations,
    list_watched_changes,
)
from sheets.revisions.authorship import revision_author
from sheets.views.reading import readable_sheets
from wikico2.accounts.decorators import requires
from wikico2.accounts.rules import may
from wikico2.filters import Facet, FacetChoice, Filter, clean_line
from wikico2.models import User
from wikico2.parameters import return_address

PER_PAGE = 50
IN_FEED = 50
SHOWN_AS_WATCHED = 30


@require_safe
def activity_list(request: HttpRequest) -> HttpResponse:
    """List what has changed, the latest first."""
    active = ACTIVITY_FILTER.read(request.GET)
    changes = activity_of(request, active)
    context = {
        "page": Paginator(cast("Any", changes), PER_PAGE).get_page(request.GET.get("page")),
        "active": active,
        "feed": active.address(reverse("activity_feed")),
        "facets": activity_facets(active),
        "narrowed": active.narrows,
        "lost": [] if active.narrows else list_lost_citations(request.user),
    }
    return render(request, "sheets/activity.html", context)


def activity_of(request: HttpRequest, active: Filter) -> ActivityList:
    """Return what matches a filter: versions, and, unless only automatic ones are asked, events."""
    events = active.without("by").apply(list_events(request.user))
    if active["by"] == MACHINE:
        events = events.none()
    return ActivityList(active.apply(list_changes(request.user)), events)


def activity_facets(active: Filter) -> list[Facet]:
    """Return the facets of the changes: sheet type and author."""
    path = reverse("activity")
    kinds = [FacetChoice(kind.key, kind.plural) for kind in SheetType.objects.all()]
    authors = [
        FacetChoice("", _("Everybody")),
        FacetChoice(PEOPLE, _("People")),
        FacetChoice(MACHINE, _("Automatic")),
    ]
    return [
        active.facet("type", _("Kind of sheet"), [FacetChoice("", _("All")), *kinds], path=path),
        active.facet("by", _("Author"), authors, path=path),
    ]


@require_safe
@conditional_page
def activity_feed(request: HttpRequest) -> HttpResponse:
    """Send what has changed as an Atom feed."""
    active = ACTIVITY_FILTER.read(request.GET)
    title = _("WikiCO2: changes")
    if named := " · ".join(filter(None, (active["category"], active["type"], active["sheet"]))):
        title = f"{title} ({named})"
    atom = Atom1Feed(
        title=title,
        link=request.build_absolute_uri(active.address(reverse("activity"))),
        description="",
        feed_url=request.build_absolute_uri(),
        author_name="WikiCO2",
        language=get_language(),
    )
    for change in activity_of(request, active)[:IN_FEED]:
        if isinstance(change, SheetEvent):
            add_event(atom, change, request)
            continue
        atom.add_item(
            title=clean_line(f"{change.sheet.title} · {_('version %(n)s') % {'n': change.number}}"),
            link=request.build_absolute_uri(change.get_absolute_url()),
            description=clean_line(
                " · ".join(filter(None, (revision_author(change), change.comment)))
            ),
            updateddate=change.created_at,
            pubdate=change.created_at,
        )
    return HttpResponse(atom.writeString("utf-8"), content_type=atom.content_type)


def add_event(atom: Atom1Feed, event: SheetEvent, request: HttpRequest) -> None:
    """Add an event to a feed."""
    said = event.sentence(named=may(request.user, "source.read_internal"))
    atom.add_item(
        title=clean_line(f"{event.sheet.title} · {said}"),
        link=request.build_absolute_uri(f"{reverse('sheet_state', args=[event.sheet.slug])}"),
        description=clean_line(str(event.actor or "")),
        unique_id=f"tag:wikico2,event:{event.pk}",
        updateddate=event.at,
        pubdate=event.at,
    )


@requires("watch.set")
@require_safe
def watch_list(request: HttpRequest) -> HttpResponse:
    """Show the user's watches, their latest changes, and the setting of the digest."""
    user = cast("User", request.user)
    watches = Watch.objects.filter(user=user).select_related("sheet")
    context = {
        "sheets": [w for w in watches.order_by("sheet__title") if w.sheet_id],
        "categories": [w for w in watches.order_by("category") if w.category],
        "changes": list_watched_changes(user)[:SHOWN_AS_WATCHED],
        "digest": Digest.of(user, get_language() or "fr"),
        "mail": bool(settings.EMAIL_HOST),
    }
    return render(request, "sheets/watching.html", context)


@requires("watch.set")
@require_POST
def sheet_watch(request: HttpRequest, slug: str) -> HttpResponse:
    """Start or stop watching a sheet."""
    sheet = get_object_or_404(readable_sheets(request), slug=slug)
    if toggle_watch(request, sheet=sheet):
        messages.success(
            request, _("You are watching this sheet: its changes are listed in your watchlist.")
        )
    else:
        messages.info(request, _("You are no longer watching this sheet."))
    return redirect(return_address(request) or sheet)


@requires("watch.set")
@require_POST
def category_watch(request: HttpRequest) -> HttpResponse:
    """Start or stop watching a category."""
    category = clean_line(request.POST.get("category", ""))[:200]
    known = SearchedSheet.objects.filter(category_name=category).exists()
    watched = Watch.objects.filter(user=cast("User", request.user), category=category).exists()
    if category and (known or watched):
        if toggle_watch(request, category=category):
            messages.success(
                request, _("You are watching the category “%(name)s”.") % {"name": category}
            )
        else:
            messages.info(request, _("You are no longer watching this category."))
    return redirect(return_address(request) or "watching")


@requires("watch.set")
@require_POST
def digest_toggle(request: HttpRequest) -> HttpResponse:
    """Turn the daily digest on or off."""
    digest = Digest.of(cast("User", request.user), get_language() or "fr")
    digest.wanted = request.POST.get("wanted") == "1"
    digest.language = get_language() or "fr"
    digest.save()
    messages.success(
        request,
        _("You will receive a digest by e-mail.")
        if digest.wanted
        else _("You will not receive a digest."),
    )
    return redirect("watching")


def toggle_watch(request: HttpRequest, **what: Any) -> bool:
    """Add the watch, or remove an existing one; return whether it is watched now."""
    user = cast("User", request.user)
    if Watch.objects.filter(user=user, **what).delete()[0]:
        return False
    Watch.objects.get_or_create(user=user, **what)
    Digest.of(user, get_language() or "fr")
    return True
