"""WSGI entry point of WikiCO2."""

import gc
import os

import django
from django.urls import get_resolver

from wikico2.request import Handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")
django.setup(set_prefix=False)
application = Handler()

get_resolver().url_patterns  # noqa: B018 (all that pages need is read before, not by, the first)
# What is there now stays: the collector need not go through it again while somebody waits.
gc.collect()
gc.freeze()
