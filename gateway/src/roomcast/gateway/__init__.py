"""The gateway: the process that holds client connections, applies the rules of the chat, and delivers messages."""
