"""CSV, mails, books, Office files before 2007; what is refused; encodings told by evidence."""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path

import pytest

from ingestion.readers import Limits, PageText, ReadError, Remark
from ingestion.readers.api import check_document, read_attachments, read_document, read_picture
from ingestion.readers.media_type import (
    CSV,
    DOC,
    DOCX,
    EML,
    ENCRYPTED,
    EPUB,
    HTML,
    JSON,
    MARKDOWN,
    MBOX,
    MSG,
    ODS,
    PPT,
    PPTX,
    RTF,
    TEXT,
    XLS,
    XLSB,
    XLSX,
    XML,
    identify_path,
)
from ingestion.readers.registry import EXTENSIONS, FORMATS, refusal_code
from ingestion.readers.sandbox import convert
from ingestion.readers.sandbox.parent import child_environment
from ingestion.readers.text.encoding import decode_declared, decode_text
from tests.cost import processor_time
from tests.ingestion import office, ole

LIMITS = Limits(memory_mb=1024, cpu_seconds=20, wall_seconds=20)


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read_pages(path: Path, limits: Limits = LIMITS) -> list[PageText]:
    _, *pages = read_document(path, identify_path(path), limits)
    return [page for page in pages if isinstance(page, PageText)]


def error_code(act: Callable[[], object]) -> str:
    with pytest.raises(ReadError) as caught:
        act()
    return caught.value.code


class TestTables:
    def read(self, tmp_path: Path, content: str | bytes) -> list[PageText]:
        path = written(tmp_path / "a.txt", content)
        assert identify_path(path) == CSV
        return read_pages(path)

    def test_a_french_export(self, tmp_path: Path) -> None:
        content = (
            'Commune;Énergie (MWh);Remarque\nNîmes;12 345,6;"lu ; puis\ncorrigé"\nÉvry;7 000,0;\n'
        )
        (page,) = self.read(tmp_path, content.encode("cp1252"))
        assert page.text == (
            "| Commune | Énergie (MWh) | Remarque |\n| --- | --- | --- |\n"
            "| Nîmes | 12 345,6 | lu ; puis corrigé |\n| Évry | 7 000,0 |  |"
        )

    @pytest.mark.parametrize(
        ("content", "first"),
        [
            ("poste\tvaleur\ngaz\t1,5\n", "| poste | valeur |"),
            ("id,nom,valeur\n1,Lot 1,450\n2,Lot 2,320\n", "| id | nom | valeur |"),
            ("sep=,\npart,valeur\ngaz,1\n", "| part | valeur |"),
            ("# export du 3 mars\nposte;valeur\ngaz;1\n", "# export du 3 mars"),
            ("poste;2019;2020\ngaz;12;13\nbois;5;6\n", "| poste | 2019 | 2020 |"),
            ("kWh;1;2;3\nlundi;50;60;70\nmardi;51;61;71\n", "| kWh | 1 | 2 | 3 |"),
            ("gaz;12;13\nbois;5;6\n", "|  |  |  |"),
            ('nom;cote\nvis 3";12\n"vis 4;14\n', "| nom | cote |"),
        ],
    )
    def test_delimiters_and_headers(self, tmp_path: Path, content: str, first: str) -> None:
        (page,) = self.read(tmp_path, content)
        assert page.text.split("\n")[0] == first

    def test_a_title_above_and_a_second_table(self, tmp_path: Path) -> None:
        content = (
            "Bilan 2023;;\nSource : régie;;\n;;\nposte;MWh;part\ngaz;12,5;45 %\n;;\n"
            "bois;15,5;55 %\n;;\nsite;surface;an\nA;10;2020\n"
        )
        pages = self.read(tmp_path, content)
        assert [block.kind for block in pages[0].blocks] == ["paragraph", "paragraph", "table"]
        assert "| bois | 15,5 | 55 % |" in pages[0].text  # a blank line inside the table
        assert pages[1].text.startswith("| site | surface | an |")

    def test_a_long_table_repeats_its_header(self, tmp_path: Path) -> None:
        rows = "".join(f"site {number};{number},5\n" for number in range(150))
        pages = self.read(tmp_path, f"site;MWh\n{rows}")
        assert len(pages) == 3
        assert all(page.text.startswith("| site | MWh |") for page in pages)
        assert pages[2].text.endswith("| site 149 | 149,5 |")

    @pytest.mark.parametrize(
        "content",
        [
            "Bonjour, je vous écris.\nMerci, à bientôt.\nCordialement, Jean.",
            "Gaz : 45,2 %\nBois : 30,1 %\nFioul : 24,7 %",
            "- gaz, naturel\n- bois, granulés\n- fioul, domestique",
            "Les actions sont :\n- isoler ;\n- réguler ;\n- suivre ;",
            "\tMonsieur,\n\tje vous prie\n\tde croire",
            "Mairie\n12, rue des Lilas\n75012 Paris",
        ],
    )
    def test_prose_is_no_table(self, tmp_path: Path, content: str) -> None:
        assert identify_path(written(tmp_path / "a.csv", content)) == TEXT

    def test_quotes_that_do_not_close_cost_linear_time(self, tmp_path: Path) -> None:
        path = written(tmp_path / "a.csv", "a;b\n" + '"x;1\n' * 60_000)
        assert processor_time(lambda: identify_path(path)) < 1
        assert len(read_pages(path)) > 1


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "media_type"),
        [
            ("<?xml version='1.0'?><mesures><m>45</m></mesures>", XML),
            ("<mesures><m>45</m></mesures>", XML),
            (
                "<?xml version='1.0'?><?mso-application progid='Word.Document'?><w:wordDocument/>",
                XML,
            ),
            ("<article xmlns='http://docbook.org/ns/docbook'><p>a</p></article>", XML),
            ("<?xml version='1.0'?><title>flux</title>", XML),
            ('{"mesures": [1, 2]}', JSON),
            ('[\n {"site": "A"}\n]', JSON),
            ('{"a": 1}\n{"a": 2}\n', JSON),
            ('{"a": "' + "x" * 100_000, JSON),
            ("From a@exemple.fr Mon Jan 1\nFrom: a@exemple.fr\nTo: b@exemple.fr\n\nx", MBOX),
            ("From: a@exemple.fr\nTo: b@exemple.fr\nSubject: x\n\nBonjour", EML),
            ("De : Jean\nObjet : essai\n\nBonjour", TEXT),
            ("[1] Ademe, rapport 2021.\n[2] Cerema.", TEXT),
            ("<nom> a dit que {oui}", TEXT),
            ("<?xml version='1.0'?><html><p>a</p></html>", HTML),
            ("<article><p>a</p></article>", HTML),
            ("# Titre\n\n| a | b |\n|---|---|\n| 1;2 | 2 |", MARKDOWN),
        ],
    )
    def test_data_is_told_from_prose(self, tmp_path: Path, content: str, media_type: str) -> None:
        for encoding in ("utf-8", "utf-16-le", "utf-16"):
            path = written(tmp_path / "a.txt", content.encode(encoding))
            assert identify_path(path) == media_type, encoding

    @pytest.mark.parametrize(
        ("media_type", "code"),
        [(XML, "data_file"), (JSON, "data_file"), (MBOX, "mail_box"), (ENCRYPTED, "encrypted")],
    )
    def test_each_has_a_reason(self, media_type: str, code: str) -> None:
        assert refusal_code(media_type) == code


class TestOffice:
    @pytest.mark.parametrize(
        ("streams", "media_type"),
        [
            ({"WordDocument": b"x", "1Table": b"x"}, DOC),
            ({"Workbook": b"x"}, XLS),
            ({"Book": b"x"}, XLS),
            ({"PowerPoint Document": b"x", "Current User": b"x"}, PPT),
            ({"EncryptedPackage": b"x", "EncryptionInfo": b"x"}, ENCRYPTED),
            ({"__properties_version1.0": bytes(32)}, MSG),
            ({"ObjectPool": {"_1": {"Workbook": b"x" * 5000}}, "WordDocument": b"x"}, DOC),
            ({"VisioDocument": b"x"}, ""),
        ],
    )
    def test_old_files_are_told_by_their_directory(
        self, tmp_path: Path, streams: ole.Tree, media_type: str
    ) -> None:
        assert identify_path(ole.write_ole(tmp_path / "a.pdf", streams)) == media_type

    def test_a_directory_that_runs_in_circles_ends(self, tmp_path: Path) -> None:
        path = ole.write_ole(tmp_path / "a.doc", {f"s{i}": b"x" * 5000 for i in range(40)})
        data = bytearray(path.read_bytes())
        for at in range(512, len(data) - 4, 4):
            (number,) = struct.unpack_from("<I", data, at)
            if 0 < number < 400:
                struct.pack_into("<I", data, at, number - 1)
        path.write_bytes(data)
        identify_path(path)

    def test_templates_macros_and_binary_workbooks_are_told_by_content(
        self, tmp_path: Path
    ) -> None:
        for extension in (".docm", ".dotx", ".dotm", ".pptm", ".potx", ".ppsx", ".xlsm", ".xltx"):
            assert extension in EXTENSIONS
        assert identify_path(office.word(tmp_path / "a.dotm")) == DOCX
        assert identify_path(office.slides(tmp_path / "a.ppsx")) == PPTX
        assert identify_path(office.workbook(tmp_path / "a.xltx")) == XLSX
        binary = {"[Content_Types].xml": b"<Types/>", "xl/workbook.bin": b"x"}
        assert identify_path(office.archive(tmp_path / "a.xlsx", binary)) == XLSB
        template = {"mimetype": (ODS + "-template").encode()}
        assert identify_path(office.archive(tmp_path / "a.ots", template)) == ODS

    @pytest.mark.parametrize(
        "streams",
        [
            {"WordDocument": struct.pack("<10xH", 0x0100)},
            {"Workbook": struct.pack("<HH4xHH4x", 0x0809, 4, 0x002F, 4)},
            {"PowerPoint Document": b"x", "Current User": struct.pack("<12xI", 0xF3D1C4DF)},
        ],
        ids=["doc", "xls", "ppt"],
    )
    def test_a_password_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, streams: ole.Tree
    ) -> None:
        monkeypatch.setattr(convert, "PROGRAMS", (sys.executable,))
        path = ole.write_ole(tmp_path / "a.bin", streams)
        assert error_code(lambda: check_document(path, identify_path(path), LIMITS)) == "encrypted"

    def test_without_libreoffice_there_is_a_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(convert, "PROGRAMS", ())
        path = ole.write_ole(tmp_path / "a.doc", {"WordDocument": bytes(20)})
        assert error_code(lambda: check_document(path, DOC, LIMITS)) == "old_office"
        assert error_code(lambda: list(read_document(path, DOC, LIMITS))) == "old_office"


def fake_office(folder: Path, script: str) -> str:
    """Write a program that stands for LibreOffice: `$OUT` is the folder of its output."""
    program = folder / "soffice"
    program.write_text(
        f'#!/bin/sh\nwhile [ "$1" != --outdir ]; do shift; done\nOUT=$2\nGIVEN=$3\n{script}\n'
    )
    program.chmod(0o755)
    return str(program)


class TestConverting:
    def convert(self, path: Path, limits: Limits = LIMITS) -> str:
        with convert.converted_file(path, ".doc", ".docx", limits) as made:
            return made.read_text()

    def test_the_copy_is_read_and_removed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        script = 'mkdir -p "$OUT"; (pwd; cat "$GIVEN"; env) > "$OUT/source.docx"'
        monkeypatch.setattr(convert, "PROGRAMS", (fake_office(tmp_path, script),))
        monkeypatch.setenv("OVH_API_KEY", "secret-de-la-maison")
        folder, text, *environment = self.convert(written(tmp_path / "a", "donné\n")).split("\n")
        assert text == "donné"
        assert not Path(folder).exists()
        assert not any("secret-de-la-maison" in line for line in environment)
        assert f"HOME={folder}" in environment

    @pytest.mark.parametrize(
        ("script", "code"),
        [
            ("exit 0", "unreadable"),
            ("exit 3", "crashed"),
            ("kill -XCPU $$", "too_slow"),
        ],
    )
    def test_failures_have_a_code(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: str
    ) -> None:
        monkeypatch.setattr(convert, "PROGRAMS", (fake_office(tmp_path, script),))
        assert error_code(lambda: self.convert(written(tmp_path / "a", "x"))) == code

    def test_one_that_hangs_is_killed_with_its_children(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        noted = tmp_path / "pid"
        script = f'sleep 60 & echo $! > "{noted}"; wait'
        monkeypatch.setattr(convert, "PROGRAMS", (fake_office(tmp_path, script),))
        few = Limits(memory_mb=1024, cpu_seconds=20, wall_seconds=2)
        assert error_code(lambda: self.convert(written(tmp_path / "a", "x"), few)) == "too_slow"
        child = int(noted.read_text())
        status = Path(f"/proc/{child}/stat")
        assert not status.exists() or status.read_text().split()[2] in "ZX"
        assert list(Path(tempfile.gettempdir()).glob("wikico2-convert-*/profile")) == []

    def test_the_program_is_limited_and_has_no_network(self) -> None:
        bounds = '{"memory_mb": 500, "cpu_seconds": 5, "file_bytes": 1000}'
        asked = (
            "import resource as r, socket; print(r.getrlimit(r.RLIMIT_AS)[0] >> 20,"
            " r.getrlimit(r.RLIMIT_CPU)[0], [name for _, name in socket.if_nameindex()])"
        )
        command = [sys.executable, "-P", "-m", "ingestion.readers.sandbox.confined", bounds]
        done = subprocess.run(
            [*command, sys.executable, "-c", asked],
            env=child_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        limits, _, interfaces = done.stdout.partition("[")
        assert limits.split() == ["500", "5"]
        if "eth" in interfaces or "en" in interfaces:
            pytest.skip("this system does not let a program leave its network")
        assert interfaces.strip() in ("'lo']", "]")

    def test_a_real_one(self, tmp_path: Path) -> None:
        if not convert.find_office():
            pytest.skip("LibreOffice is not installed on this machine")
        text = (
            r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 "
            r"La chaleur r\'e9cup\'e9r\'e9e couvre 45 % du besoin.\par}"
        )
        path = written(tmp_path / "a.doc", text)
        assert identify_path(path) == RTF
        limits = Limits(memory_mb=1024, cpu_seconds=60, wall_seconds=120)
        assert check_document(path, RTF, limits).page_count == 0
        (page,) = read_pages(path, limits)
        assert page.text == "La chaleur récupérée couvre 45 % du besoin."


def mail_with(**attached: bytes) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Anne Étienne <anne@exemple.fr>"
    message["To"] = "bureau@exemple.fr"
    message["Date"] = "Fri, 03 Mar 2023 09:00:00 +0100"
    message["Subject"] = "Résultats de l’étude"
    message.set_content("La consommation est de 45\xa0000 kWh.\n\nÀ bientôt.")
    for name, data in attached.items():
        message.add_attachment(
            data, maintype="application", subtype="octet-stream", filename=name.replace("_", ".")
        )
    return message


class TestMails:
    def test_header_and_body(self, tmp_path: Path) -> None:
        path = written(tmp_path / "a.txt", mail_with(bilan_csv=b"a;b\n1;2\n").as_bytes())
        assert identify_path(path) == EML
        info, page = read_document(path, EML, LIMITS)
        assert isinstance(page, PageText)
        assert (info.title, info.author, info.created) == (  # type: ignore[union-attr]
            "Résultats de l’étude",
            "Anne Étienne",
            "2023-03-03",
        )
        assert [(block.kind, block.text) for block in page.blocks] == [
            ("heading", "Résultats de l’étude"),
            (
                "paragraph",
                "De : Anne Étienne <anne@exemple.fr>\nÀ : bureau@exemple.fr\n"
                "Date : 03/03/2023 09:00\nPièces jointes : bilan.csv",
            ),
            ("paragraph", "La consommation est de 45 000 kWh."),
            ("paragraph", "À bientôt."),
        ]

    def test_raised_and_struck_text_is_read_from_the_html(self, tmp_path: Path) -> None:
        message = mail_with()
        message.set_content("Soit 106 kWh, dont 40 % 30 %.")
        message.add_alternative(
            "<p>Soit 10<sup>6</sup> kWh, dont <s>40 %</s> 30 %.</p>", subtype="html"
        )
        path = written(tmp_path / "a.eml", message.as_bytes())
        _, page = read_document(path, EML, LIMITS)
        assert isinstance(page, PageText)
        assert page.blocks[-1].text == "Soit 10⁶ kWh, dont 30 %."

    def test_attachments_come_one_by_one(self, tmp_path: Path) -> None:
        inner = mail_with()
        message = mail_with(bilan_csv=b"a;b\n1;2\n", gros_bin=bytes(3_000_000))
        message.add_attachment(inner)
        path = written(tmp_path / "a.eml", message.as_bytes())
        found = [(name, file.read()) for name, file in read_attachments(path, EML, LIMITS)]
        assert [(name, len(data)) for name, data in found[:2]] == [
            ("bilan.csv", 8),
            ("gros.bin", 3_000_000),
        ]
        name, data = found[2]
        assert name == "Résultats de l’étude.eml"
        assert identify_path(written(tmp_path / "b", data)) == EML

    def test_the_html_is_read_for_its_tables_and_pictures(self, tmp_path: Path) -> None:
        message = mail_with()
        message.add_alternative(
            "<p>Voir <b>ici</b></p><table><tr><th>Poste</th><th>kWh</th></tr><tr><td>Gaz</td>"
            "<td>12</td></tr></table><img src='cid:courbe' alt='Courbe'>",
            subtype="html",
        )
        page_part = message.get_body(["html"])
        assert isinstance(page_part, EmailMessage)
        page_part.add_related(office.png(), "image", "png", cid="<courbe>")
        path = written(tmp_path / "a.eml", message.as_bytes())
        (page,) = read_pages(path)
        assert "| Gaz | 12 |" in page.text
        (figure,) = [block for block in page.blocks if block.kind == "figure"]
        assert read_picture(path, EML, figure.picture, LIMITS, max_width=100).width == 100
        assert list(read_attachments(path, EML, LIMITS)) == []

    @pytest.mark.parametrize(
        ("header", "body"),
        [
            ("charset=utf-8", "été".encode()),
            ("charset=iso-8859-1", "été".encode("cp1252")),
            ("charset=utf-8", "été".encode("cp1252")),  # a false declaration
            ("charset=inconnu", "été".encode("cp1252")),
        ],
    )
    def test_declared_encodings_are_checked(self, tmp_path: Path, header: str, body: bytes) -> None:
        head = f"From: a@exemple.fr\nMIME-Version: 1.0\nContent-Type: text/plain; {header}\n"
        path = written(tmp_path / "a", f"{head}Content-Transfer-Encoding: 8bit\n\n".encode() + body)
        assert read_pages(path)[0].text.endswith("été")

    def test_parts_inside_parts_without_end(self, tmp_path: Path) -> None:
        depth = 3_000
        lines = ["From: a@exemple.fr", "MIME-Version: 1.0"]
        for level in range(depth):
            lines += [f'Content-Type: multipart/mixed; boundary="b{level}"', "", f"--b{level}"]
        path = written(tmp_path / "a.eml", "\n".join([*lines, "", "fond"]))
        assert identify_path(path) == EML
        with pytest.raises(ReadError):
            read_pages(path)

    def test_one_of_outlook(self, tmp_path: Path) -> None:
        path = ole.mail(
            tmp_path / "a.bin",
            subject="Résultats de l’étude",
            body="La consommation est de 45 000 kWh.",
            html="<p>La consommation est de <b>45 000 kWh</b>.</p>",
            attached={"bilan.csv": b"a;b\n1;2\n", "plan.pdf": b"%PDF-" + bytes(5_000)},
        )
        assert identify_path(path) == MSG
        (page,) = read_pages(path)
        assert page.text == (
            'Résultats de l’étude\n\nDe : "Anne Étienne" <anne@exemple.fr>\nÀ : Bureau d’études\n'
            "Pièces jointes : bilan.csv, plan.pdf\n\nLa consommation est de 45 000 kWh."
        )
        found = [(name, len(file.read())) for name, file in read_attachments(path, MSG, LIMITS)]
        assert found == [("bilan.csv", 8), ("plan.pdf", 5_005)]

    def test_a_damaged_one_of_outlook_is_refused(self, tmp_path: Path) -> None:
        path = ole.mail(tmp_path / "a.msg", subject="x", body="y" * 9_000)
        path.write_bytes(path.read_bytes()[:1_500])
        code = error_code(lambda: list(read_document(path, MSG, LIMITS)))
        assert code in ("unreadable", "no_text")


def book(path: Path, chapters: dict[str, bytes], **others: bytes) -> Path:
    """Write a book whose spine lists the chapters in reverse order of their names."""
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in reversed(range(len(chapters))))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<metadata><dc:title>Guide de l’air</dc:title><dc:creator>Régie</dc:creator></metadata>"
        f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", EPUB)
        archive.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="OPS/p.opf"/></rootfiles></container>',
        )
        archive.writestr("OPS/p.opf", package)
        for name, data in chapters.items():
            archive.writestr(f"OPS/{name}", data)
        for name, data in others.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return path


class TestBooks:
    def test_chapters_in_the_order_of_the_spine(self, tmp_path: Path) -> None:
        first = "<html><body><h1>Un</h1><p>Début.</p><img src='../im/a.png'/></body></html>"
        path = book(
            tmp_path / "a.zip",
            {"b.xhtml": b"<html><h1>Deux</h1><p>Fin.</p></html>", "t/c.xhtml": first.encode()},
            OPS__im__a_png=office.png(),
        )
        assert identify_path(path) == EPUB
        info, page = read_document(path, EPUB, LIMITS)
        assert isinstance(page, PageText)
        assert (info.title, info.author) == ("Guide de l’air", "Régie")  # type: ignore[union-attr]
        assert page.text == "Un\n\nDébut.\n\n\n\nDeux\n\nFin."
        (figure,) = [block for block in page.blocks if block.picture]
        assert read_picture(path, EPUB, figure.picture, LIMITS, max_width=80).width == 80

    def test_a_missing_chapter_is_named_and_costs_no_other(self, tmp_path: Path) -> None:
        path = book(tmp_path / "a.epub", {"a.xhtml": b"<p>Un.</p>", "b.xhtml": b"<p>Deux.</p>"})
        with zipfile.ZipFile(path) as archive:
            kept = {n: archive.read(n) for n in archive.namelist() if not n.endswith("b.xhtml")}
        (page,) = read_pages(office.archive(path, kept))
        assert page.text == "Un."
        assert page.remarks == (Remark("object_unread", 1, "b.xhtml"),)

    @pytest.mark.parametrize(
        ("others", "code"),
        [
            (
                {
                    "META-INF__encryption_xml": b'<e><EncryptionMethod Algorithm="http://www.w3.org/'
                    b'2001/04/xmlenc#aes128-cbc"/></e>'
                },
                "encrypted",
            ),
            ({"OPS__gros_xhtml": bytes(220_000_000)}, "too_much_memory"),
        ],
        ids=["encrypted", "bomb"],
    )
    def test_what_cannot_be_read(self, tmp_path: Path, others: dict[str, bytes], code: str) -> None:
        path = book(tmp_path / "a.epub", {"a.xhtml": b"<p>Un.</p>"}, **others)
        few = Limits(memory_mb=400, cpu_seconds=20, wall_seconds=20)
        assert error_code(lambda: check_document(path, EPUB, few)) == code

    def test_a_chapter_that_unpacks_to_too_much(self, tmp_path: Path) -> None:
        path = book(tmp_path / "a.epub", {"a.xhtml": b"<p>" + bytes(30_000_000)})
        assert error_code(lambda: read_pages(path)) == "too_much_memory"


FRENCH = "L’énergie récupérée à l’été : 45 % des déchets, où « le cœur » du réseau coûte 12 €."
PLAIN_FRENCH = "L'énergie récupérée à l'été : 45 % des déchets, où le réseau coûte 12 de plus."


class TestEncodings:
    @pytest.mark.parametrize(
        "encoding",
        [
            "utf-8",
            "utf-8-sig",
            "utf-16",
            "utf-16-le",
            "utf-16-be",
            "utf-32-le",
            "cp1252",
            "mac_roman",
        ],
    )
    def test_french_is_read_in_each(self, encoding: str) -> None:
        assert decode_text(FRENCH.encode(encoding)) == FRENCH

    @pytest.mark.parametrize("encoding", ["iso8859-15", "cp850", "cp437", "cp1252", "mac_roman"])
    def test_without_typographic_signs(self, encoding: str) -> None:
        assert decode_text(PLAIN_FRENCH.encode(encoding)) == PLAIN_FRENCH

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            ("Coût : 35 000 €", "iso8859-15"),
            ("le cœur", "iso8859-15"),
            ("Poste d’émissions", "mac_roman"),  # its bytes are valid UTF-8, of an Armenian letter
            ("Évry;70 000;;15/03", "mac_roman"),
            ("CONSOMMATION D'ÉNERGIE", "cp850"),
            ("Größe über Äpfel", "cp1252"),
            ("1½ fois", "cp1252"),
            ("été", "cp1252"),
            ("Отчёт об энергии и тепле в городе", "cp1251"),
        ],
    )
    def test_few_words_are_enough(self, text: str, encoding: str) -> None:
        assert decode_text(text.encode(encoding)) == text

    def test_a_declaration_is_checked(self) -> None:
        assert decode_declared(FRENCH.encode("mac_roman"), "iso-8859-1") == FRENCH
        assert decode_declared(FRENCH.encode("cp1252"), "utf-8") == FRENCH
        assert decode_declared(FRENCH.encode(), "utf-16") == FRENCH
        assert decode_declared("Отчёт".encode("koi8-r"), "koi8-r") == "Отчёт"
        assert decode_declared("熱".encode("shift_jis"), "shift_jis") == "熱"
        assert decode_declared(b"abc", "unicode_escape") == "abc"

    def test_a_file_put_together_from_two(self) -> None:
        mixed = ("énergie " * 30).encode() + "récupérée".encode("cp1252")
        assert decode_text(mixed) == "énergie " * 30 + "récupérée"

    @pytest.mark.parametrize(
        "data",
        [b"a" * 4_000_000 + b"\xe9", b"\xe9" * 4_000_000, "é à ".encode() * 900_000 + b"\xe9"],
    )
    def test_it_costs_linear_time(self, data: bytes) -> None:
        assert processor_time(lambda: decode_text(data)) < 2


def test_each_format_has_its_module() -> None:
    for form in FORMATS.values():
        folder, name = form.module.rpartition(".")[::2]
        path = Path(convert.__file__).parents[1] / folder.replace(".", "/") / f"{name}.py"
        assert path.is_file(), form.module
