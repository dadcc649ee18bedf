"""Marvin32: the keyed hash by which Microsoft's keys carry their own checksum, and the three ways they carry it.

The seed of the hash is eight letters, such as ``Default0``; keys of different services that look alike differ in it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from workbench.rules.checksum import BASE62, Checksum, TailSum, decoded, to_base, turned

_MASK = 0xFFFFFFFF
_BASE66 = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~"
_SOURCE = "microsoft/security-utilities"


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> 32 - by) & _MASK


def _mixed(low: int, high: int) -> tuple[int, int]:
    high ^= low
    low = (_rotated(low, 20) + high) & _MASK
    high = _rotated(high, 9) ^ low
    low = (_rotated(low, 27) + high) & _MASK
    return low, _rotated(high, 19)


def marvin32(data: bytes, seed: str) -> int:
    """Marvin of ``data``, its 64 bits folded to 32; ``seed`` is 8 ASCII characters."""
    value = marvin64(data, int.from_bytes(seed.encode("ascii"), "big"))
    return value >> 32 ^ value & _MASK


def marvin64(data: bytes, seed: int) -> int:
    """Marvin of ``data`` in 64 bits; ``seed`` has 64 bits too."""
    low, high = seed & _MASK, seed >> 32
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        low, high = _mixed((low + int.from_bytes(data[at : at + 4], "little")) & _MASK, high)
    rest = data[whole:] + b"\x80"
    low, high = _mixed((low + int.from_bytes(rest, "little")) & _MASK, high)
    low, high = _mixed(low, high)
    return high << 32 | low


@dataclass(frozen=True, slots=True)
class MarvinBase64:
    """Base64 whose last 4 bytes are the hash of the others, little-endian, under one of ``seeds``."""

    name: str
    source: str
    seeds: tuple[str, ...]
    url_safe: bool = False

    def verify(self, token: bytes) -> bool:
        data = decoded(_unpadded(token))
        if data is None or len(data) < 8:
            return False
        return data[-4:] in (marvin32(data[:-4], seed).to_bytes(4, "little") for seed in self.seeds)

    def repair(self, token: bytes) -> bytes:
        return self._with(token, 0)

    def spoil(self, token: bytes) -> bytes:
        return self._with(token, 1)

    def _with(self, token: bytes, off: int) -> bytes:
        body = _unpadded(token)
        data = base64.b64decode(body.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(body) % 4))
        text = base64.b64encode(data[:-4] + (marvin32(data[:-4], self.seeds[0]) ^ off).to_bytes(4, "little"))
        if self.url_safe:
            text = text.replace(b"+", b"-").replace(b"/", b"_")
        return text.rstrip(b"=") + token[len(body) :]


def _unpadded(token: bytes) -> bytes:
    """The token without its padding, which a URL may spell ``%3D``."""
    return token.removesuffix(b"%3D%3D").rstrip(b"=")


@dataclass(frozen=True, slots=True)
class MarvinBase62:
    """The hash's first 4 base62 digits after 80 base64 characters; several such keys may be joined by dots."""

    name: str
    source: str
    seed: str

    def _sums(self, head: bytes) -> tuple[bytes, bytes]:
        """The sum padded on the right, as Microsoft's code does it, and on the left, as some issued keys have it."""
        value = marvin32(base64.b64decode(head), self.seed).to_bytes(4, "little")
        digits = to_base(int.from_bytes(value, "big"), 0, BASE62)
        return digits.ljust(6, b"0")[:4], digits.rjust(6, b"0")[:4]

    def verify(self, token: bytes) -> bool:
        keys = token.split(b".")
        return all(len(k) == 84 and decoded(k[:80]) is not None and k[80:] in self._sums(k[:80]) for k in keys)

    def repair(self, token: bytes) -> bytes:
        return b".".join(k[:80] + self._sums(k[:80])[0] for k in token.split(b"."))

    def spoil(self, token: bytes) -> bytes:
        return token[:-4] + turned(token[-4:])


def _sum_of_text(head: bytes) -> bytes:
    return to_base(marvin32(head, "AadPwd00"), 3, _BASE66)[:3]


def _identifiable(kind: str, *seeds: str, url_safe: bool = False) -> MarvinBase64:
    return MarvinBase64(f"marvin32_{kind}", f"{_SOURCE} IdentifiableMetadata", seeds, url_safe)


MARVIN: Iterable[Checksum] = (
    _identifiable("default0", "Default0"),
    _identifiable("default0_url", "Default0", url_safe=True),
    _identifiable("abacct00", "AbAcct00"),
    _identifiable("classic0", "Classic0"),
    _identifiable("device00", "Device00"),
    _identifiable("dpskey00", "DpsKey00"),
    _identifiable("gatewy00", "Gatewy00"),
    _identifiable("gitkey00", "GitKey00"),
    _identifiable("iothub00", "IoTHub00"),
    _identifiable("padmin00", "PAdmin00"),
    _identifiable("query000", "Query000"),
    _identifiable("sendrecv", "SendRecv"),
    _identifiable("tenant00", "Tenant00"),
    _identifiable("messaging", "Send0000", "Listen00", "Manage00"),
    _identifiable("cosmosdb", "MastRW00", "MastRO00", "SystRW00", "SystRO00", "SysAll00", "Resour00", "Encryp00"),
    _identifiable("functions", "Functi00", "Master00", "System00", url_safe=True),
    MarvinBase62("marvin32_base62", f"{_SOURCE} CommonAnnotatedKey; confirmed on public samples", "Default0"),
    TailSum("marvin32_base66", f"{_SOURCE} SEC101/156; confirmed on public samples", 3, _sum_of_text),
)
