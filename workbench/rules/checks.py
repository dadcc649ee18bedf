"""Checks: offline tests of a token that a regular expression cannot make.

A checksum (or what a token decodes to) is named in a rule; :data:`CHECKSUMS` has them all. Entropy is Shannon's.
:func:`made_up` recognises tokens that people invent for documentation.
"""

from __future__ import annotations

import math
import re

from workbench.rules.checksum import COMMON, Checksum
from workbench.rules.marvin import MARVIN
from workbench.rules.structure import STRUCTURES

CHECKSUMS: dict[str, Checksum] = {c.name: c for c in (*COMMON, *MARVIN, *STRUCTURES)}
"""Every checksum a rule may name, and the secret types it serves.

CRC-32 at the end:
``crc32_base62_body``      GitHub ``gh?_``, npm, Vercel, Polar, Chief Tools: 6 base62 digits, prefix left out
``crc32_base36_whole``     GitLab routable tokens: 7 base36 digits, prefix included
``crc32_hex_upper_whole``  Atlassian ``ATATT…``: 8 upper-case hex digits, prefix included
``crc32_hex_body``         Cloudflare ``cfat_ cfk_ cfut_``, Zuplo ``zpka_``: 8 hex digits, prefix left out
``crc32_hex_whole``        Yandex SmartCaptcha ``ysc2_``: 8 hex digits, prefix included
``crc32_hex_le``           Grafana ``glsa_``: 8 hex digits of the little-endian sum, prefix included
``crc32c_base58_whole``    Unkey root keys: CRC-32C, 6 base58 digits, prefix included

Sums inside:
``base64_crc32``           Elastic Cloud ``essu_``: base64 of a text and its sum
``crc32_base32_scattered`` Azure DevOps personal access tokens of 52 base32 characters

Marvin32 in the last 4 bytes of base64, named by seed (azure_* types): ``marvin32_default0`` (storage),
``marvin32_default0_url`` (quantum), ``marvin32_abacct00`` (batch), ``marvin32_classic0`` (ML classic),
``marvin32_device00`` ``marvin32_dpskey00`` ``marvin32_iothub00`` (IoT; the last also APIM subscriptions),
``marvin32_tenant00`` ``marvin32_gatewy00`` ``marvin32_gitkey00`` (APIM), ``marvin32_padmin00`` ``marvin32_query000``
(search), ``marvin32_sendrecv`` (event grid), ``marvin32_messaging`` (service bus, event hub, relay),
``marvin32_cosmosdb``, ``marvin32_functions``
``marvin32_base62``        Azure keys of 84 characters with ``JQQJ99``, or several of them joined by dots
``marvin32_base66``        azure_active_directory_application_secret ``…8Q~…``

What a token decodes to:
``jwt``                    any JSON web token: header with alg, and claims, are JSON objects
``jwt_adobe_access_token`` ``jwt_adobe_refresh_token`` ``jwt_azure_entra_id``
``base64_json_1password``  1password_service_account_token
``base64_json_sentry``     sentry_organization_token
``base64_numeric_id``      Bitbucket (and other Atlassian) Data Center tokens, with or without ``BBDC-``
``base64_elastic_stack`` ``base64_intercom`` ``base64_jfrog_reference`` ``base64_workos``
``base64_der``             a DER SEQUENCE that spans the token (azure_management_certificate)
"""


def entropy(token: bytes) -> float:
    """Shannon entropy of ``token``'s bytes, in bits a byte; 0 for an empty one."""
    if not token:
        return 0.0
    total = len(token)
    counts: dict[int, int] = {}
    for b in token:
        counts[b] = counts.get(b, 0) + 1
    return -sum(n / total * math.log2(n / total) for n in counts.values())


# Words that stand in tokens people make up. Short ones would meet random tokens by chance: each of these is at least
# 7 letters in one case or other, or 4 equal ones, so that a random 40-character base62 token holds one less often than
# once in a million.
_WORDS = re.compile(
    rb"example|EXAMPLE|placeholder|PLACEHOLDER|changeme|CHANGEME|replaceme|yourtoken|your[_-]?(?:api|key|token|secret)"
    rb"|YOUR[_-]?(?:API|KEY|TOKEN|SECRET)|redacted|REDACTED|notareal|fakefake|FAKEFAKE|dummydummy|testtest|sampletoken"
    rb"|secretsecret|xxxxx|XXXXX|\*\*\*|\.\.\.\.|_here\b|(?:key|token|secret)here"
)
_SEQUENCES = b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"9876543210"
_SEQUENCE_RUN = 8
_RUNS = frozenset(
    (line * 2)[i : i + _SEQUENCE_RUN] for line in _SEQUENCES for i in range(len(line))
)


def made_up(token: bytes, *, prefix: int = 0) -> str | None:
    """Why ``token`` looks invented, or None. ``prefix`` bytes at its start are the format's own and not judged.

    Judged are: a word of documentation, one character over and over, an ascending or descending run, a short piece
    repeated, and too few different characters for the length.
    """
    body = token[prefix:]
    word = _WORDS.search(body)
    if word:
        return f"holds a documentation word ({word.group().decode('ascii', 'replace').lower()[:12]})"
    if len(body) < 8:
        return None
    longest_run = 7 if len(body) <= 100 else 12
    if re.search(rb"(.)\1{%d}" % (longest_run - 1), body, re.DOTALL):
        return f"repeats one character {longest_run} times"
    if len(body) <= 100 and any(body[i : i + _SEQUENCE_RUN] in _RUNS for i in range(len(body) - _SEQUENCE_RUN + 1)):
        return "holds an ascending or descending run"
    for period in range(1, min(len(body) // 2, 12) + 1):
        if body[period:] == body[:-period]:
            return f"repeats a piece of {period} characters"
    if len(body) >= 16 and len(set(body)) <= 4:
        return f"has only {len(set(body))} different characters"
    return None
