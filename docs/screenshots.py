"""Take the pictures of the README: `python docs/screenshots.py http://localhost:8000 PASSWORD`.

The wiki is one that `make run` has just filled with the demonstration; one sheet is edited.
The pictures need a font with emoji, such as Debian's fonts-noto-color-emoji.
"""

import io
import re
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent / "screenshots"
SHEET = "/fiches/recuperation-de-chaleur-sur-compresseurs-dair/"
BEFORE, AFTER = "un besoin de chaleur à moins de 80 °C", "un besoin de chaleur durable sous 80 °C"


def main(site: str, password: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        context = browser.new_context(
            base_url=site, locale="fr-FR", viewport={"width": 1280, "height": 800}
        )
        page = context.new_page()
        page.goto("/compte/connexion/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", password)
        page.press("[name=password]", "Enter")
        page.wait_for_url(re.compile("/$"))
        number = edit(page)

        page.goto(f"{SHEET}#contexte")
        page.locator("#contexte .cite a").first.hover()
        keep(page, "sheet")
        page.goto(page.locator("#contexte .cite a").nth(2).get_attribute("href") or "")
        keep(page, "source")
        page.goto(f"{SHEET}diff/{number - 1}/{number}/")
        keep(page, "comparison")
        page.emulate_media(color_scheme="dark")
        page.goto(f"{SHEET}modifier/?section=contexte")
        page.click("[data-mode=visual]")  # the editor remembers how it was used last
        page.wait_for_selector(".visual-text .chip")
        keep(page, "editing")
        browser.close()


def edit(page: Page) -> int:
    """Make a version to be compared with the one before; return its number."""
    page.goto(f"{SHEET}modifier/")
    page.click("[data-mode=markdown]")
    text = page.input_value("[name=body]")
    page.fill("[name=body]", text.replace(BEFORE, AFTER, 1))
    page.fill("[name=comment]", "Précisé après la visite d’un site")
    page.press("[name=comment]", "Control+s")
    page.wait_for_url(re.compile(f"{SHEET}$"))
    page.goto(f"{SHEET}historique/")
    return int(page.locator("a[href*='/versions/']").first.inner_text())


def keep(page: Page, name: str) -> None:
    """Keep what is seen, in so few colours that the file stays small."""
    page.wait_for_timeout(800)  # what opens on hover, what is loaded late
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    FOLDER.mkdir(exist_ok=True)
    picture.quantize(128).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
