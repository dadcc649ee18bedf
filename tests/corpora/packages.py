"""npm packages made in memory: sound ones by the standard library, odd ones header by header."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping

BLOCK = 512


def tar(files: Mapping[str, bytes], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar of plain files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tgz(name: str, version: str, files: Mapping[str, bytes]) -> bytes:
    """A package as ``npm pack`` makes one."""
    description = json.dumps({"name": name, "version": version}).encode()
    return gzip.compress(tar({"package/package.json": description, **{f"package/{p}": c for p, c in files.items()}}))


def header(
    name: bytes, size: int | bytes, *, kind: bytes = b"0", prefix: bytes = b"", checksum: int | None = None
) -> bytes:
    """One header block, sound unless told otherwise; ``size`` as bytes goes into its field as it is."""
    field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = bytearray(BLOCK)
    block[0 : len(name)] = name
    block[100:124] = b"0000644\0" + b"0000000\0" * 2
    block[124 : 124 + len(field)] = field
    block[136:148] = b"%011o\0" % 0
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[257:265] = b"ustar\00000"
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b"%06o\0 " % (sum(block) if checksum is None else checksum)
    return bytes(block)


def member(name: bytes, content: bytes, **options: object) -> bytes:
    """A header and its content, filled up to whole blocks."""
    return header(name, len(content), **options) + content + bytes(-len(content) % BLOCK)


def pax(records: Mapping[str, str], *, kind: bytes = b"x") -> bytes:
    """An extended header that says ``records`` of the next member (or, of kind ``g``, of all)."""
    data = b""
    for key, value in records.items():
        tail = f" {key}={value}\n".encode()
        length = len(tail)
        while length != len(tail) + len(str(length)):
            length = len(tail) + len(str(length))
        data += str(length).encode() + tail
    return member(b"PaxHeader", data, kind=kind)


END = bytes(2 * BLOCK)
