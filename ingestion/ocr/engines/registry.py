"""Which OCR engine the settings choose."""

from django.conf import settings

from ingestion.ocr.engines.base import Seer


def get_seer() -> Seer | None:
    """Return what the settings choose; None when pictures are not read."""
    if settings.VISION_BACKEND == "openai":
        from ingestion.ocr.engines.vision_model import ModelSeer

        return ModelSeer(settings.VISION_MODEL)
    if settings.VISION_BACKEND == "tesseract":
        from ingestion.ocr.engines.tesseract import TesseractSeer

        return TesseractSeer()
    return None
