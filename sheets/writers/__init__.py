"""Writers: a language model, or verbatim extraction without one."""
