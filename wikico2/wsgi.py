"""WSGI entry point of WikiCO2."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")
application = get_wsgi_application()
