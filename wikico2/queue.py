"""The place of a task in version 0.1: tasks that it has queued bear it. To go in version 0.3."""

from wikico2.jobs.queue import resume_stalled

__all__ = ["resume_stalled"]
