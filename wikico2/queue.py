"""Module path of `resume_stalled` in version 0.1, kept for tasks queued then; remove in 0.4."""

from wikico2.jobs.queue import resume_stalled

__all__ = ["resume_stalled"]
