"""The MCP server: what assistants may read, and what they may propose."""
