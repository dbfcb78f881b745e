"""The operations of `/v1/`, by subject."""
