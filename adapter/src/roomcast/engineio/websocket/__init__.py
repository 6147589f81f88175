"""The WebSocket transport: framing, and an asyncio protocol that aiohttp is no longer part of."""
