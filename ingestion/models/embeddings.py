"""Vectors, paid for once, and the making of another model's index."""

import time
from typing import Any

import numpy as np
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from wikico2.errors import error_sentence
from wikico2.jobs.leases import LeasedQuerySet


class OctetLength(models.Func):
    """How many bytes a binary value has."""

    function = "OCTET_LENGTH"
    output_field = models.IntegerField()


class Vector(models.Model):
    """An embedding, kept so that no text is ever computed or paid for twice.

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
        """Return the numbers, shape (dimensions,)."""
        return np.frombuffer(bytes(self.data), dtype="<f4")

    @classmethod
    def length_of(cls, model: str) -> int:
        """Return how many numbers the vectors of a model have; 0 while none is kept."""
        length, until = _lengths.get(model, (0, 0.0))
        if time.monotonic() > until:
            sizes = cls.objects.filter(model=model).annotate(size=OctetLength("data"))
            size = sizes.values_list("size", flat=True).first() or 0
            length = size // np.dtype(np.float32).itemsize
            if length:
                _lengths[model] = length, time.monotonic() + LENGTH_KEPT
        return length

    @staticmethod
    def forget_lengths() -> None:
        """Have the lengths looked up again."""
        _lengths.clear()


LENGTH_KEPT = 30.0
_lengths: dict[str, tuple[int, float]] = {}


class IndexBuildQuerySet(LeasedQuerySet["IndexBuild"]):
    """Questions about builds."""

    def in_progress(self) -> "IndexBuildQuerySet":
        """Return the builds that a worker has, or should have, in hand."""
        return self.filter(state=IndexBuild.State.WORKING)


class IndexBuild(models.Model):
    """The making of a model's collections beside those that search uses, until it is whole.

    The last one that is done says by which model search asks. `shelf` and `owner` are how far it
    has come: all owners of earlier shelves, and those of this shelf up to this one.
    """

    class State(models.TextChoices):
        WORKING = "working", _("being built")
        DONE = "done", _("in use")
        FAILED = "failed", _("failed")
        STOPPED = "stopped", _("given up")

    model = models.CharField(_("model"), max_length=100)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WORKING)
    shelf = models.PositiveIntegerField(default=0)
    owner = models.PositiveBigIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=40, blank=True)
    error_details = models.JSONField(default=dict, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    objects = IndexBuildQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.model} {self.state}"

    @property
    def error(self) -> str:
        """Return what went wrong as a sentence in the reader's language, or nothing."""
        return error_sentence(self.error_code, self.error_details)
