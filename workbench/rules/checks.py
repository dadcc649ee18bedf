"""Checks: offline tests of a token that a regular expression cannot make.

A checksum (or what a token decodes to) is named in a rule; :data:`CHECKSUMS` has them all. Entropy is Shannon's.
:func:`made_up` recognises tokens that people invent for documentation.
"""

from __future__ import annotations

import math
import re
from collections import Counter

import re2

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
``base64_discord_id``      Discord bot tokens: the part before the first dot is the bot's id in digits
``base64_der``             a DER SEQUENCE that spans the token (azure_management_certificate)
``base32_aws_key_id``      aws_access_key_id, aws_temporary_access_key_id: letters of base32 only
"""


def entropy(token: bytes) -> float:
    """Shannon entropy of ``token``'s bytes, in bits a byte; 0 for an empty one."""
    if not token:
        return 0.0
    total = len(token)
    return -sum(n / total * math.log2(n / total) for n in Counter(token).values())


def _bytes_alone() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    return options


# Words that stand in tokens people make up, in capitals or not. Short ones would meet random tokens by chance: with five
# letters or more, all of them together meet a random token of 40 characters about once in a million.
# RE2 reads a long token twenty times as fast as Python's own engine.
_WORDS = re2.compile(
    rb"example|placeholder|change_?me|replace_?me|your[_-]?(?:api|access|key|secret|token)|redacted|not_?a_?real"
    rb"|fake[_-]?(?:fake|key|pass|secret|token|value)|dummy|test[_-]?(?:test|key|token)|sample[_-]?(?:key|secret|token)"
    rb"|secretsecret|insert[_-]?(?:key|token|your)|hello_?world|foobar|qwerty|asdfgh|lorem_?ip|dead_?beef|cafe_?babe"
    rb"|badc0ffee|feed_?face|xxxxx|\*\*\*|\.\.\.\.|_here\b|(?:key|token|secret)here",
    _bytes_alone(),
)
# A piece over and over: at least 8 characters that say again what stands just before them.
_REPEATS = re.compile(rb"(.{8,16})\1|(.{4,7})\2{2}|(.{2,3})\3{4}", re.DOTALL)
_SAME = re.compile(rb"(.)\1{6}", re.DOTALL)
_SAME_IN_LONG = re.compile(rb"(.)\1{11}", re.DOTALL)
_SPACE = re.compile(rb"\s+|\\[nr]")
_LONG = 100
_ASCENDING, _STEPPING = 8, 6


def _following() -> bytes:
    """For every byte the one that follows it in the alphabet or among the digits; itself for others."""
    after = bytearray(range(256))
    for line in (b"0123456789", b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        for byte, follower in zip(line, line[1:] + line[:1], strict=True):
            after[byte] = follower
    return bytes(after)


_NEXT = _following()


def _counts_up(body: bytes) -> bool:
    """Whether it runs like 12345678, 87654321, abcdefgh or a1b2c3d4."""
    after = body.translate(_NEXT)
    up = down = step = 0
    for i in range(1, len(body)):
        up = up + 1 if body[i] == after[i - 1] != body[i - 1] else 0
        down = down + 1 if body[i - 1] == after[i] != body[i] else 0
        step = step + 1 if i > 1 and body[i] == after[i - 2] != body[i - 2] else 0
        if up == _ASCENDING - 1 or down == _ASCENDING - 1 or step == _STEPPING:
            return True
    return False


def made_up(token: bytes, *, prefix: int = 0) -> str | None:
    """Why ``token`` looks invented, or None. ``prefix`` bytes at its start are the format's own and not judged.

    Judged are, white space apart: a word of documentation, one character over and over, a run that counts up or down, a
    short piece repeated, and too few different characters for the length. Fewer than one in ten thousand random tokens
    of any shipped format are told invented. Of a token over 100 characters, which may hold encoded text, only words and
    a character over and over are judged, and whether all of it repeats.
    """
    body = _SPACE.sub(b"", token[prefix:])
    word = _WORDS.search(body.lower())
    if word:
        return f"holds a documentation word ({word.group().decode('ascii', 'replace')[:12]})"
    if len(body) < 8:
        return None
    if (_SAME if len(body) <= _LONG else _SAME_IN_LONG).search(body):
        return "repeats one character"
    if len(body) <= _LONG and _counts_up(body):
        return "holds an ascending or descending run"
    if len(body) <= _LONG and _REPEATS.search(body):
        return "repeats a piece"
    for period in range(1, min(len(body) // 2, 16) + 1):
        if body[period:] == body[:-period]:
            return "repeats a piece"
    if len(body) >= 16 and len(set(body)) <= 4:
        return f"has only {len(set(body))} different characters"
    return None
