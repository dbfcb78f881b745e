"""Select the OCR engine from the settings."""

from django.conf import settings

from ingestion.ocr.engines.base import OcrEngine
from ingestion.ocr.engines.tesseract import TesseractEngine
from ingestion.ocr.engines.vision_model import VisionModelEngine


def get_ocr_engine() -> OcrEngine | None:
    """Return the engine that VISION_BACKEND selects; None if OCR is disabled."""
    if settings.VISION_BACKEND == "openai":
        return VisionModelEngine(settings.VISION_MODEL)
    if settings.VISION_BACKEND == "tesseract":
        return TesseractEngine()
    return None
