"""Which OCR engine the settings choose."""

from django.conf import settings

from ingestion.ocr.engines.base import OcrEngine


def get_ocr_engine() -> OcrEngine | None:
    """Return what the settings choose; None when pictures are not read."""
    if settings.VISION_BACKEND == "openai":
        from ingestion.ocr.engines.vision_model import VisionModelEngine

        return VisionModelEngine(settings.VISION_MODEL)
    if settings.VISION_BACKEND == "tesseract":
        from ingestion.ocr.engines.tesseract import TesseractEngine

        return TesseractEngine()
    return None
