"""The WebSocket transport: framing, and an asyncio protocol without aiohttp."""
