"""The files attached to a mail become sources of their own, linked to it."""

from email.message import EmailMessage

import pytest
from django.test import Client
from pytest_django import Settings

from ingestion.intake.attachments import accept_attachments
from ingestion.intake.files import local_copy
from ingestion.models import Document
from ingestion.pipeline.run import accept_upload
from tests.conftest import run_queue, upload
from tests.ingestion import office
from wikico2.models import User

NOTE = "La chaleur récupérée couvre 45 % du besoin du site en hiver.".encode()
TABLE = "poste;MWh\ngaz;12,5\nbois;15,5\n".encode("cp1252")


def mail(subject: str, *attached: tuple[str, bytes]) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "anne@exemple.fr"
    message["Subject"] = subject
    message.set_content("Voici les résultats de l’étude de chaleur.")
    for name, data in attached:
        message.add_attachment(data, "application", "octet-stream", filename=name)
    return message


@pytest.fixture
def received(contributor: User) -> Document:
    message = mail(
        "Résultats",
        ("note.txt", NOTE),
        ("bilan.csv", TABLE),
        ("logo.png", office.png(40, 40)),
        ("mesures.xml", b"<mesures><m>1</m></mesures>"),
    )
    document = accept_upload(
        upload(message.as_bytes(), "m.eml"), contributor, access=Document.Access.INTERNAL
    )
    run_queue()
    document.refresh_from_db()
    return document


def test_each_is_a_source_with_the_access_of_the_mail(received: Document) -> None:
    assert received.is_ready, received.error
    attached = received.attachments.order_by("filename")
    assert [(one.filename, one.state) for one in attached] == [
        ("bilan.csv", "ready"),
        ("note.txt", "ready"),
    ]
    assert {one.access for one in attached} == {Document.Access.INTERNAL}
    assert {one.uploaded_by for one in attached} == {received.uploaded_by}
    assert "| gaz | 12,5 |" in attached[0].pages.get().text


def test_what_is_refused_is_named_on_the_mail(received: Document, client: Client) -> None:
    assert received.pages.get(number=1).remarks == [
        {"code": "attachment_unread", "count": 1, "detail": "mesures.xml"}
    ]
    client.force_login(received.uploaded_by)  # type: ignore[arg-type]
    shown = client.get(received.get_absolute_url()).content.decode()
    assert "mesures.xml" in shown
    assert "note.txt" in shown or "note" in shown
    inner = received.attachments.get(filename="note.txt")
    assert received.title in client.get(inner.get_absolute_url()).content.decode()


def test_taking_them_in_twice_adds_nothing(received: Document) -> None:
    count = Document.objects.count()
    with local_copy(received) as path:
        remarks = accept_attachments(received, path)
    assert [remark.detail for remark in remarks] == ["mesures.xml"]
    assert Document.objects.count() == count


def test_mails_inside_mails_are_bounded(contributor: User) -> None:
    message = mail("niveau 0", ("f0.txt", NOTE + b" 0"))
    for level in range(1, 7):
        outer = mail(f"niveau {level}", (f"f{level}.txt", NOTE + b" %d" % level))
        outer.add_attachment(message)
        message = outer
    accept_upload(upload(message.as_bytes(), "m.eml"), contributor)
    run_queue()
    mails = Document.objects.filter(media_type="message/rfc822")
    assert mails.count() == 4  # the outermost, and three inside


def test_too_many_are_refused_by_name(contributor: User, settings: Settings) -> None:
    settings.MAX_ARCHIVE_FILES = 1
    message = mail("deux", ("a.txt", NOTE), ("b.txt", NOTE + b" bis"))
    document = accept_upload(upload(message.as_bytes(), "m.eml"), contributor)
    run_queue()
    assert document.attachments.count() == 1
    assert document.pages.get().remarks[0]["detail"] == "b.txt"
