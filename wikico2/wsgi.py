"""WSGI entry point of WikiCO2."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")
application = get_wsgi_application()

get_resolver().url_patterns  # noqa: B018 (all that pages need is read before, not by, the first)
# What is there now stays: the collector need not go through it again while somebody waits.
gc.collect()
gc.freeze()
