"""Sources in the browser: sent, followed, opened at the passage that was asked for."""

import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from ingestion.models import Document
from ingestion.pipeline.run import accept_upload
from tests.browser.conftest import WIDTHS
from tests.conftest import AIR, LIGHT, STEAM, make_pdf, run_queue, upload
from tests.worker import Worker
from wikico2.models import Job, User

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/sources/ajouter/"


@pytest.fixture(autouse=True)
def _no_complaints(complaints: list[str]) -> Iterator[None]:
    yield
    assert complaints == []


@pytest.fixture
def three_pages(tmp_path: Path) -> Path:
    path = tmp_path / "rapport énergie.pdf"
    path.write_bytes(make_pdf(AIR, STEAM, LIGHT, title="Guide de l'énergie"))
    return path


def test_files_are_sent_one_by_one_and_followed_until_they_can_be_cited(
    page: Page,
    log_in: Callable[[User], None],
    contributor: User,
    worker: Callable[..., Worker],
    three_pages: Path,
    tmp_path: Path,
) -> None:
    worker().wait_until_ready()
    false = tmp_path / "faux.pdf"
    false.write_bytes(bytes(range(256)))
    twin = tmp_path / "copie.pdf"
    twin.write_bytes(three_pages.read_bytes())
    log_in(contributor)
    page.goto(ADD)
    page.set_input_files("[name=uploads]", [three_pages])
    row = page.locator(".uploads > li").nth(0)
    expect(row).to_contain_text(three_pages.name)
    expect(row.locator(".ready")).to_be_visible(timeout=30_000)
    page.set_input_files("[name=uploads]", [false, twin])
    expect(page.locator(".uploads > li").nth(1).locator("[data-tone=red]")).to_be_visible()
    source = Document.objects.get()
    same = page.locator(".uploads > li").nth(2).locator("[data-tone=amber] a")
    expect(same).to_have_attribute("href", source.get_absolute_url())
    assert source.is_ready


def test_a_file_that_is_too_large_is_not_even_sent(
    page: Page, log_in: Callable[[User], None], contributor: User, settings: Any, tmp_path: Path
) -> None:
    settings.MAX_UPLOAD_MB = 1
    big = tmp_path / "lourd.pdf"
    big.write_bytes(b"%PDF-1.4" + b"\n" * 1_100_000)
    log_in(contributor)
    page.goto(ADD)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.set_input_files("[name=uploads]", [big])
    expect(page.locator(".uploads [data-sentence]")).to_contain_text(re.compile(r"1,1\s?Mo"))
    assert "POST" not in sent


def test_sending_can_be_cancelled_and_begun_again(
    page: Page, log_in: Callable[[User], None], contributor: User, three_pages: Path
) -> None:
    log_in(contributor)
    page.goto(ADD)
    held: list[Any] = []
    page.route(f"**{ADD}", lambda route: held.append(route))
    page.set_input_files("[name=uploads]", [three_pages])
    row = page.locator(".uploads > li").first
    row.locator("[data-stop]").click()
    expect(row.locator("[data-sentence]")).to_be_visible()
    assert not Document.objects.exists()
    page.unroute(f"**{ADD}")
    row.locator("[data-again]").click()
    expect(row.locator("a").first).to_have_text(three_pages.name)
    assert Document.objects.exists()


def test_the_passage_is_brought_into_view_on_the_picture_and_in_the_text(
    page: Page, document: Document
) -> None:
    page.set_viewport_size({"width": 390, "height": 500})
    page.goto(f"/sources/{document.pk}/pages/2/?q=économiseur préchauffe l'eau")
    mark = page.locator(".marks rect").first
    expect(mark).to_be_in_viewport()
    expect(page.locator(".page-text mark")).to_have_count(1)
    picture, rect = page.locator(".picture img").bounding_box(), mark.bounding_box()
    assert picture
    assert rect
    assert picture["x"] < rect["x"] < picture["x"] + picture["width"]
    assert picture["y"] < rect["y"] < picture["y"] + picture["height"] / 2


def test_the_list_stops_asking_when_nothing_is_read_any_more(
    page: Page, waiting_document: Document
) -> None:
    page.goto("/sources/")
    asked: list[str] = []

    def note(request: Request) -> None:
        # A picture is fetched when it comes into view, which the end of the reading brings about.
        if request.resource_type != "image":
            asked.append(request.url)

    page.on("request", note)
    expect(page.locator(".rows progress")).to_be_visible()
    run_queue()
    expect(page.locator(".rows progress")).to_have_count(0)
    asked.clear()
    page.wait_for_timeout(2_500)
    assert asked == []


def test_the_page_of_a_source_shows_its_passages_once_it_is_read(
    page: Page, waiting_document: Document
) -> None:
    page.goto(waiting_document.get_absolute_url())
    expect(page.locator(".reading progress")).to_be_visible()
    run_queue()
    expect(page.locator(".passages li").first).to_be_visible()


def test_without_script_several_files_get_their_outcomes(
    live: Callable[..., Page], contributor: User, three_pages: Path
) -> None:
    page = live(ADD, user=contributor, java_script_enabled=False)
    page.set_input_files("[name=uploads]", [three_pages, three_pages])
    page.locator("[data-send] button").click()
    expect(page.locator(".uploads > li")).to_have_count(2)
    assert Document.objects.count() == 1


def test_nothing_is_wider_than_the_screen(
    page: Page, document: Document, contributor: User
) -> None:
    title = "Anticonstitutionnellement-électromécaniquement-désimperméabilisation-" * 4
    Document.objects.filter(pk=document.pk).update(title=title, filename="x" * 250 + ".pdf")
    accept_upload(upload(make_pdf(AIR), "autre.pdf"), contributor)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for path in (
            "/sources/",
            f"/sources/{document.pk}/",
            f"/sources/{document.pk}/pages/1/?q=chaleur",
            "/sources/ajouter/",
            f"/sources/{document.pk}/modifier/",
            "/taches/",
        ):
            page.goto(path)
            fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert fits, (width, path)


def test_an_archive_is_followed_to_the_last_of_its_documents(
    page: Page,
    log_in: Callable[[User], None],
    contributor: User,
    tmp_path: Path,
) -> None:
    archive = tmp_path / "dossier.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("air.pdf", make_pdf(AIR))
        made.writestr("../dehors.pdf", make_pdf(STEAM))
    log_in(contributor)
    page.goto(ADD)
    page.set_input_files("[name=uploads]", [archive])
    row = page.locator(".uploads > li").first
    expect(row.locator("form[action$='/arreter/']")).to_be_visible()
    run_queue()
    expect(row.locator(".imported-files > li")).to_have_count(2)
    expect(row.locator(".imported-files .failure")).to_have_count(1)
    expect(row.locator(".imported-files a").first).to_have_attribute(
        "href", Document.objects.get().get_absolute_url()
    )


def test_an_address_is_given_refused_and_given_again_by_keyboard(
    page: Page, log_in: Callable[[User], None], contributor: User, settings: Any
) -> None:
    log_in(contributor)
    page.goto(ADD)
    page.locator("[name=addresses]").fill("ftp://ademe.example/a.pdf")
    page.locator("[name=addresses]").press("Tab")
    page.get_by_role("button", name=re.compile("Fetch|Récupérer")).press("Enter")
    expect(page.locator("#id_web_addresses_error")).to_be_visible()
    expect(page.locator("[name=addresses]")).to_have_value("ftp://ademe.example/a.pdf")
    page.locator("[name=addresses]").fill("http://127.0.0.1/a.pdf")
    page.get_by_role("button", name=re.compile("Fetch|Récupérer")).press("Enter")
    expect(page).to_have_url(re.compile("/sources/envois/"))
    run_queue()
    expect(page.locator("[data-tone=red]")).to_contain_text("127.0.0.1")
    again = page.get_by_role("button", name=re.compile("Retry|Réessayer|Reprendre"))
    expect(again).to_have_count(0)  # it would be refused again
    Job.objects.filter(kind="source_import").update(
        error_code="address_slow", error_details={"host": "x", "limit": 1}
    )
    page.reload()
    again.click()
    expect(page.locator("progress")).to_be_visible()


def test_a_source_is_described_and_a_double_is_said_on_purpose(
    page: Page,
    log_in: Callable[[User], None],
    document: Document,
    contributor: User,
    tmp_path: Path,
) -> None:
    log_in(contributor)
    page.goto(f"/sources/{document.pk}/modifier/")
    page.locator("[name=published]").fill("hier")
    page.locator("[name=title]").fill("Le guide bleu")
    page.locator("[name=title]").press("Enter")
    expect(page.locator("#id_published_error")).to_be_visible()
    page.locator("[name=published]").fill("mars 2021")
    page.locator("[name=title]").press("Enter")
    expect(page.locator("h1")).to_have_text("Le guide bleu")
    twin = tmp_path / "copie.pdf"
    with document.file.open("rb") as content:
        twin.write_bytes(content.read())
    page.goto(ADD)
    page.set_input_files("[name=uploads]", [twin])
    page.locator(".uploads form[action$='/copier/'] button").click()
    expect(page).to_have_url(re.compile(r"/sources/\d+/$"))
    expect(page.locator("[data-tone=amber] a").first).to_have_text("Le guide bleu")
