"""Backups: a consistent dump of the database, files by their hash, and back into an empty place.

A backup folder, or prefix of a bucket, holds:

- `files/ab/<sha256>`: every stored file once, shared by all backups;
- `backups/<time>/database.sql.gz`: the rows, as pg_dump writes them;
- `backups/<time>/manifest.json` and `manifest.sha256`, written last: what belongs to the backup.
"""
