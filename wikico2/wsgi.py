"""WSGI entry point of WikiCO2."""

import gc
import os

import django
from django.urls import get_resolver

from wikico2.clean_request import Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")
django.setup(set_prefix=False)
application = Handler()

get_resolver().url_patterns  # noqa: B018 (load all views before the first request)
# These objects are never freed: keep the garbage collector from scanning them during requests.
gc.collect()
gc.freeze()
