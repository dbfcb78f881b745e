"""Pages of the wiki, split by what the reader is doing."""
