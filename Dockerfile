# WikiCO2: one image for the web server and for the worker.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    WIKICO2_VAR=/var/lib/wikico2

# Pango and a font make the PDF files of sheets; Tesseract reads scans where no model does.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
        tesseract-ocr tesseract-ocr-fra \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --system --create-home --home-dir /home/wikico2 wikico2 \
    && install -d -o wikico2 -g wikico2 /var/lib/wikico2

WORKDIR /app
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY --chown=wikico2:wikico2 . .

USER wikico2
EXPOSE 8000
VOLUME /var/lib/wikico2
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=5 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["sh", "-c", "python manage.py prepare && exec gunicorn wikico2.wsgi --bind 0.0.0.0:8000 --workers 2 --threads 4 --timeout 120"]
