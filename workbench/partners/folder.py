"""A provider's folder: the name under which its files stand, made from the provider's name and safe on any system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

LONGEST = 60

# Names that Windows gives to devices, with any extension.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


def folder_names(providers: Iterable[str]) -> dict[str, str]:
    """A folder name for each provider, all different: lower-case ASCII letters, digits and hyphens.

    A provider whose name says too little that way, or the same as another's, gets part of its name's hash as well.
    """
    plain = {provider: _plain(provider) for provider in providers}
    shared = Counter(plain.values())
    return {
        provider: name if name and shared[name] == 1 and name not in _DEVICES else _distinct(provider, name)
        for provider, name in plain.items()
    }


def _plain(provider: str) -> str:
    text = unicodedata.normalize("NFKD", provider).encode("ascii", errors="ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:LONGEST].strip("-")


def _distinct(provider: str, name: str) -> str:
    digest = hashlib.sha256(provider.encode("utf-8", errors="surrogatepass")).hexdigest()[:12]
    return f"{name or 'provider'}-{digest}"
