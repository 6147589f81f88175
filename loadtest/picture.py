"""Make a small picture to upload: a valid PNG with random content."""

from __future__ import annotations

import random
from io import BytesIO

from PIL import Image


def png(width: int = 160, height: int = 120) -> bytes:
    """Return a PNG of noise: about `3 * width * height` bytes, since noise does not compress."""
    image = Image.frombytes("RGB", (width, height), random.randbytes(3 * width * height))
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
