#!/usr/bin/env python
"""Run WikiCO2's administrative commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wikico2.settings")
    if sys.argv[1:2] == ["up"]:  # runs all day long, and does without Django
        from wikico2.launcher.run import main as up

        sys.exit(up(sys.argv[2:]))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
