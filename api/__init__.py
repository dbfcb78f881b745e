"""The wiki for programs: `/v1/` with its tokens, `/mcp` for assistants, what the web expects."""
