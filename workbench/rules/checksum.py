"""A checksum: what a token says about itself, so that a typing error or a random string is told from a token offline.

Every kind verifies a token, repairs a made one so that it holds, and spoils a good one. Here stand the common kinds,
whose last characters are computed from those before them, and those whose sum is scattered inside.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BASE36 = b"0123456789abcdefghijklmnopqrstuvwxyz"
BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Checksum(Protocol):
    """One named checksum. ``source`` says where it is documented, or on what it was confirmed."""

    @property
    def name(self) -> str: ...

    @property
    def source(self) -> str: ...

    def verify(self, token: bytes) -> bool:
        """Whether the token's own sum holds; False, never an error, for bytes of any other shape."""
        ...

    def repair(self, token: bytes) -> bytes:
        """``token`` made to hold, its length and fixed characters kept. For samples only."""
        ...

    def spoil(self, token: bytes) -> bytes:
        """A valid ``token`` made not to hold, its shape kept. For tests only."""
        ...


@dataclass(frozen=True, slots=True)
class TailSum:
    """A checksum that is the token's last ``tail`` bytes: ``compute`` makes it of what stands before them."""

    name: str
    source: str
    tail: int
    compute: Callable[[bytes], bytes]

    def verify(self, token: bytes) -> bool:
        return len(token) > self.tail and self.compute(token[: -self.tail]) == token[-self.tail :]

    def repair(self, token: bytes) -> bytes:
        return token[: -self.tail] + self.compute(token[: -self.tail])

    def spoil(self, token: bytes) -> bytes:
        return token[: -self.tail] + turned(token[-self.tail :])


def turned(tail: bytes) -> bytes:
    """Other bytes of the same alphabet and length: ``tail`` turned by one place, or its first byte changed."""
    other = tail[1:] + tail[:1]
    return other if other != tail else (b"1" if tail[:1] != b"1" else b"2") + tail[1:]


def to_base(number: int, digits: int, alphabet: bytes) -> bytes:
    """``number`` in ``alphabet``, most significant digit first, padded with the alphabet's zero to ``digits``."""
    out = bytearray()
    while number:
        number, rest = divmod(number, len(alphabet))
        out.append(alphabet[rest])
    return bytes(reversed(out)).rjust(digits, alphabet[:1])


def decoded(text: bytes) -> bytes | None:
    """Base64 of either alphabet, padded or not, as bytes; None when it is not canonical base64.

    Bits beyond the last byte must be zero, as every encoder leaves them.
    """
    body = text.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    padded = body + b"=" * (-len(body) % 4)
    try:
        data = base64.b64decode(padded, validate=True)
    except binascii.Error:
        return None
    return data if base64.b64encode(data) == padded else None


def _castagnoli() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _castagnoli()


def crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of ``data``."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def _after_prefix(head: bytes) -> bytes:
    """What stands after the last underscore: the random part of ``ghp_…``, ``npm_…`` and their kind."""
    return head[head.rfind(b"_") + 1 :]


@dataclass(frozen=True, slots=True)
class ScatteredBase32:
    """CRC-32 of 28 of the 32 bytes of a base32 token, XORed with one of ``seeds`` and spread over the other four."""

    name: str
    source: str
    seeds: tuple[int, ...]

    @staticmethod
    def _bytes(token: bytes) -> bytearray | None:
        if len(token) != 52 or not token.islower():
            return None
        try:
            # 52 characters hold 260 bits; the last 4 are left over and carry nothing.
            data = base64.b32decode(token.upper() + b"AAAA")
        except binascii.Error:
            return None
        return bytearray(data[:32])

    @staticmethod
    def _sum(data: bytearray) -> int:
        return zlib.crc32(bytes(data[0:2] + data[3:7] + data[9:22] + data[23:32]))

    @staticmethod
    def _carried(data: bytearray) -> int:
        return data[2] << 24 | data[7] << 16 | data[8] << 8 | data[22]

    def verify(self, token: bytes) -> bool:
        data = self._bytes(token)
        return data is not None and self._carried(data) in (self._sum(data) ^ seed for seed in self.seeds)

    def repair(self, token: bytes) -> bytes:
        return self._with(token, 0)

    def spoil(self, token: bytes) -> bytes:
        return self._with(token, 1)

    def _with(self, token: bytes, off: int) -> bytes:
        data = self._bytes(token)
        if data is None:
            return token
        data[2], data[7], data[8], data[22] = (self._sum(data) ^ self.seeds[0] ^ off).to_bytes(4, "big")
        return base64.b32encode(bytes(data)).lower()[:52]


@dataclass(frozen=True, slots=True)
class Base64Crc:
    """After a prefix, base64 of some text and its CRC-32 as ``width`` big-endian bytes."""

    name: str
    source: str
    prefix: bytes
    width: int

    def _bytes(self, token: bytes) -> bytes | None:
        if not token.startswith(self.prefix):
            return None
        data = decoded(token[len(self.prefix) :])
        return data if data is not None and len(data) > self.width else None

    def verify(self, token: bytes) -> bool:
        data = self._bytes(token)
        return data is not None and int.from_bytes(data[-self.width :], "big") == zlib.crc32(data[: -self.width])

    def repair(self, token: bytes) -> bytes:
        body = token[len(self.prefix) :].rstrip(b"=")
        # The text inside is base64 itself, so the token's own characters can stand for it.
        return self._join(body[: len(body) * 3 // 4 - self.width], 0)

    def spoil(self, token: bytes) -> bytes:
        data = self._bytes(token)
        return token if data is None else self._join(data[: -self.width], 1)

    def _join(self, text: bytes, off: int) -> bytes:
        crc = zlib.crc32(text) ^ off
        return self.prefix + base64.b64encode(text + crc.to_bytes(self.width, "big"))


def _unescaped(head: bytes) -> bytes:
    """``head`` with the equals sign at its end as it was before a properties file or a URL escaped it."""
    for escaped in (b"\\=", b"%3D", b"%3d"):
        if head.endswith(escaped):
            return head.removesuffix(escaped) + b"="
    return head


COMMON: Iterable[Checksum] = (
    TailSum("crc32_base62_body",
            "github.blog 2021-04-05 'Behind GitHub's new authentication token formats'; confirmed on public samples",
            6, lambda head: to_base(zlib.crc32(_after_prefix(head)), 6, BASE62)),
    TailSum("crc32_base36_whole", "docs.gitlab.com routable tokens; confirmed on public samples",
            7, lambda head: to_base(zlib.crc32(head), 7, BASE36)),
    TailSum("crc32_hex_upper_whole", "Atlassian API tokens; confirmed on public samples",
            8, lambda head: b"%08X" % zlib.crc32(_unescaped(head))),
    TailSum("crc32_hex_body", "deduced from public samples: CRC-32 of the characters after the prefix",
            8, lambda head: b"%08x" % zlib.crc32(_after_prefix(head.removesuffix(b"_")))),
    TailSum("crc32_hex_whole", "deduced from a public value: CRC-32 of prefix and body",
            8, lambda head: b"%08x" % zlib.crc32(head)),
    TailSum("crc32_hex_le", "grafana/grafana pkg/components/satokengen; confirmed on public samples",
            8, lambda head: zlib.crc32(head.removesuffix(b"_")).to_bytes(4, "little").hex().encode()),
    TailSum("crc32c_base58_whole", "unkeyed/unkey key format version 1",
            6, lambda head: to_base(crc32c(head), 6, BASE58)),
    Base64Crc("base64_crc32", "Elastic Cloud API keys; confirmed on a public sample", b"essu_", 8),
    ScatteredBase32("crc32_base32_scattered", "microsoft/security-utilities SEC101/102",
                    (0xE0B9692D, 0x1019F92E)),  # a user's token, an application's
)
