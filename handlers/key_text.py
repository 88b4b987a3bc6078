"""Keys for AES-256 as people keep them: 64 hexadecimal digits, or base64 in either alphabet."""

import base64
import binascii

KEY_BYTES = 32


def parse_key(text: str) -> bytes:
    """The 32 bytes of a key. Raises ValueError, which does not repeat the text."""
    text = text.strip()
    for decode in (bytes.fromhex, _base64):
        try:
            material = decode(text)
        except (ValueError, binascii.Error):
            continue
        if len(material) == KEY_BYTES:
            return material
    raise ValueError("is not 32 bytes in base64 or hexadecimal: make one with `openssl rand -base64 32`")


def _base64(text: str) -> bytes:
    standard = text.translate(str.maketrans("-_", "+/"))
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
