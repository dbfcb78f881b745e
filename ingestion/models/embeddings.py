"""Cached vectors, and the builds of another embedding model's index."""

import time
from typing import Any

import numpy as np
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from wikico2.models import JobState, JobSubjectQuerySet


class OctetLength(models.Func):
    """The length of a binary value in bytes."""

    function = "OCTET_LENGTH"
    output_field = models.IntegerField()


class Vector(models.Model):
    """An embedding, cached so that no text is computed or paid for twice.

    `data` holds little-endian 32-bit floats.
    """

    content_hash = models.CharField(max_length=64)
    model = models.CharField(max_length=100)
    data = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = _("vector")
        verbose_name_plural = _("vectors")
        constraints = [
            models.UniqueConstraint(fields=["content_hash", "model"], name="vector_unique")
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.content_hash[:12]}"

    @property
    def values(self) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the vector, shape (dimensions,)."""
        return np.frombuffer(bytes(self.data), dtype="<f4")

    @classmethod
    def length_of(cls, model: str) -> int:
        """Return the dimensions of a model's vectors; 0 while none is stored."""
        length, until = _lengths.get(model, (0, 0.0))
        if time.monotonic() > until:
            sizes = cls.objects.filter(model=model).annotate(size=OctetLength("data"))
            size = sizes.values_list("size", flat=True).first() or 0
            length = size // np.dtype(np.float32).itemsize
            if length:
                _lengths[model] = length, time.monotonic() + LENGTH_CACHE_SECONDS
        return length

    @staticmethod
    def forget_lengths() -> None:
        """Clear the cache of `length_of`."""
        _lengths.clear()


LENGTH_CACHE_SECONDS = 30.0
_lengths: dict[str, tuple[int, float]] = {}


class IndexBuild(JobState):
    """The build of a model's collections, beside those that search uses.

    Search uses the model of the last build that is finished. `shelf` and `owner` are the progress:
    `shelf` is the position of the current model in `indexed_models()`, `owner` the id of its last
    owner that is done.
    """

    JOB_KINDS = ("index_build",)

    model = models.CharField(_("model"), max_length=100)
    shelf = models.PositiveIntegerField(default=0)
    owner = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    objects = JobSubjectQuerySet["IndexBuild"].as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.model
