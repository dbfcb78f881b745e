"""OCR engines: a vision model, or Tesseract."""
