"""Writers of sections: a language model, or verbatim extraction without one."""
