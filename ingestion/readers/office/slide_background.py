"""Tell what lies behind the text of a slide, as far as that is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.readers.office.package import A, OfficePackage, local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_FILLS = frozenset({"solidFill", "gradFill", "blipFill", "pattFill", "grpFill"})


def has_fill(shape: _Element) -> bool:
    """Tell whether a shape may be filled, by itself or by its style."""
    properties = shape.find(P + "spPr")
    names = [local_name(child) for child in properties] if properties is not None else []
    if "noFill" in names:
        return False
    if _FILLS & set(names):
        return True
    style = shape.find(f"{P}style/{A}fillRef")
    return style is not None and style.get("idx") != "0"


def is_white_page(package: OfficePackage, part: str, slide: _Element) -> bool:
    """Tell for certain that the background of a slide is white."""
    root, master = slide, part
    for kind in ("", "slideLayout", "slideMaster"):
        if kind:
            master = package.related(master, kind)
            if not master:
                return False
            try:
                root = package.shared_root(master)
            except Exception:  # noqa: BLE001  the background is not known
                return False
            if kind == "slideMaster" and _has_backdrop(root):
                return False
        background = root.find(f"{P}cSld/{P}bg")
        if background is not None:
            return _is_white_fill(background) and _is_light_theme(package, part)
    return False


def _has_backdrop(root: _Element) -> bool:
    """Tell whether a master draws pictures or filled shapes behind its slides."""
    tree = root.find(f"{P}cSld/{P}spTree")
    return tree is not None and any(
        local_name(shape) in ("pic", "grpSp") or (local_name(shape) == "sp" and has_fill(shape))
        for shape in tree
    )


def _is_white_fill(background: _Element) -> bool:
    fill = background.find(f"{P}bgPr/{A}solidFill")
    if fill is None:
        fill = background.find(P + "bgRef")
    named = fill[0] if fill is not None and len(fill) == 1 else None
    if named is None or len(named):
        return False
    return str(named.get("val")).lower() in ("ffffff", "white", "bg1", "lt1")


def _is_light_theme(package: OfficePackage, part: str) -> bool:
    """Tell whether the first colour of backgrounds is white in the theme of a slide."""
    layout = package.related(part, "slideLayout")
    master = package.related(layout, "slideMaster") if layout else ""
    theme = package.related(master, "theme") if master else ""
    if not theme:
        return False
    try:
        colours = package.shared_root(master).find(P + "clrMap")
        light = package.shared_root(theme).find(f".//{A}clrScheme/{A}lt1")
    except Exception:  # noqa: BLE001  the background is not known
        return False
    if colours is None or colours.get("bg1") != "lt1" or light is None or not len(light):
        return False
    return "FFFFFF" in (str(light[0].get("val")).upper(), str(light[0].get("lastClr")).upper())
