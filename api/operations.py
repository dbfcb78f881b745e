"""URLs of the operations, below `/v1/`: apart from those of the pages, so as to be tried first."""

from api.site import api

urlpatterns, app_name, _namespace = api.urls
