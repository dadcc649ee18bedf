"""Structure: what a token holds once it is decoded. For tokens that carry no sum but a text of a known shape.

A JWT's header and claims, a base64 JSON object with certain fields, a base64 text such as ``<id>:<key>``, a DER value
that says its own length. Each kind is used like a checksum: it verifies, and can make a made-up token hold.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import re2

from workbench.rules import pattern
from workbench.rules.checksum import Checksum, decoded

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def _encoded(data: bytes, *, url_safe: bool) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=") if url_safe else base64.b64encode(data)


def _object(text: bytes) -> dict | None:
    """The JSON object that base64 ``text`` holds, or None."""
    data = decoded(text)
    if data is None:
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _made(expression: str, rng: random.Random) -> bytes:
    return pattern.generate(pattern.parse(expression), rng)


def _fits(expression: str, value: object) -> bool:
    return isinstance(value, str) and _matches(expression, value.encode("utf-8", "replace"))


def _matches(expression: str, data: bytes) -> bool:
    return _program(expression).fullmatch(data) is not None


@lru_cache(maxsize=1024)
def _program(expression: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors, options.encoding = False, re2.Options.Encoding.LATIN1
    return re2.compile(expression.encode(), options)


# ---------------------------------------------------------------------------------------------------------------------
# JSON


def completed(text: bytes, rng: random.Random) -> bytes:
    """A JSON object of as many bytes as ``text`` that begins as ``text`` does for as long as that is JSON."""
    size = len(text)
    for cut in range(_readable(text), -1, -1):
        head = text[:cut] or b"{"
        for opening, closing in ((b"", b""), (b"", b'"}'), (b'"', b'"}'), (b"", b'":0}'), (b'"', b'":0}'), (b"", b"}"),
                                 (b',"', b'":0}')):
            room = size - len(head) - len(opening) - len(closing)
            if room < 0 or (room and b'"' not in opening + closing):
                continue
            whole = head + opening + bytes(rng.choices(b"abcdefghijkmnpqrstuvwxyz", k=room)) + closing
            try:
                if isinstance(json.loads(whole), dict):
                    return whole
            except ValueError:
                continue
    return text


def _readable(text: bytes) -> int:
    """How many bytes of ``text`` a JSON text may begin with: no further than its first byte that none may hold."""
    try:
        text.decode()
        good = len(text)
    except UnicodeDecodeError as error:
        good = error.start
    return next((k for k, byte in enumerate(text[:good]) if byte < 0x20 and byte not in b"\t\n\r"), good)


def _fill(text: bytes, wanted: Mapping[str, str], rng: random.Random, *, url_safe: bool) -> bytes:
    """Base64 ``text`` as base64 of a JSON object with the fields of ``wanted``; unchanged where it is one already."""
    body = text.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    body = body[: len(body) - 1] if len(body) % 4 == 1 else body
    found = json.loads(completed(base64.b64decode(body + b"=" * (-len(body) % 4)), rng))
    if all(_fits(expression, found.get(name)) for name, expression in wanted.items()):
        return _encoded(json.dumps(found, separators=(",", ":")).encode(), url_safe=url_safe)
    for name, expression in wanted.items():
        found[name] = _made(expression, rng).decode()
    return _encoded(json.dumps(found, separators=(",", ":")).encode(), url_safe=url_safe)


@dataclass(frozen=True, slots=True)
class Jwt:
    """A JSON web token whose header and claims are JSON objects; ``header`` and ``claims`` say what fields must match.

    The header always needs ``alg``. What follows the claims (signature, or more) is not looked at.
    """

    name: str
    source: str
    header: Mapping[str, str] = field(default_factory=dict)
    claims: Mapping[str, str] = field(default_factory=dict)
    prefix: bytes = b""

    def verify(self, token: bytes) -> bool:
        parts = token.removeprefix(self.prefix).split(b".")
        if len(parts) < 3:
            return False
        header, claims = _object(parts[0]), _object(parts[1])
        if header is None or claims is None or not isinstance(header.get("alg"), str):
            return False
        return (all(_fits(e, header.get(n)) for n, e in self.header.items())
                and all(_fits(e, claims.get(n)) for n, e in self.claims.items()))

    def repair(self, token: bytes) -> bytes:
        rng = random.Random(token)
        parts = token.removeprefix(self.prefix).split(b".")
        parts[0] = _fill(parts[0], {"alg": "RS256|ES256|HS256", **self.header}, rng, url_safe=True)
        parts[1] = _fill(parts[1], self.claims, rng, url_safe=True)
        return (self.prefix if token.startswith(self.prefix) else b"") + b".".join(parts)

    def spoil(self, token: bytes) -> bytes:
        head, claims, rest = token.split(b".", 2)
        return b".".join([head, claims[:4] + claims[4:].swapcase(), rest])


@dataclass(frozen=True, slots=True)
class Base64Json:
    """After a prefix, base64 of a JSON object with certain ``fields``; ``end`` closes the object's part of the token."""

    name: str
    source: str
    prefix: bytes
    fields: tuple[str, ...]
    end: bytes = b""
    url_safe: bool = False

    def _split(self, token: bytes) -> tuple[bytes, bytes]:
        body = token.removeprefix(self.prefix)
        at = body.rfind(self.end) if self.end else len(body)
        return (body[:at], body[at:]) if at >= 0 else (body, b"")

    def verify(self, token: bytes) -> bool:
        found = _object(self._split(token)[0])
        return token.startswith(self.prefix) and found is not None and all(f in found for f in self.fields)

    def repair(self, token: bytes) -> bytes:
        body, rest = self._split(token)
        wanted = {name: "[a-z]{6}" for name in self.fields}
        return self.prefix + _fill(body, wanted, random.Random(token), url_safe=self.url_safe) + rest

    def spoil(self, token: bytes) -> bytes:
        at = len(self.prefix) + 8
        return token[:at] + token[at:].swapcase()


# ---------------------------------------------------------------------------------------------------------------------
# Other texts


@dataclass(frozen=True, slots=True)
class Base64Text:
    """After a prefix (which may be absent), base64 of bytes that match ``text`` as a whole."""

    name: str
    source: str
    prefix: bytes
    text: str

    def verify(self, token: bytes) -> bool:
        data = decoded(token.removeprefix(self.prefix))
        return data is not None and _matches(self.text, data)

    def repair(self, token: bytes) -> bytes:
        made = base64.b64encode(_made(self.text, random.Random(token)))
        return (self.prefix if token.startswith(self.prefix) else b"") + made

    def spoil(self, token: bytes) -> bytes:
        kept = self.prefix if token.startswith(self.prefix) else b""
        return kept + token.removeprefix(kept).swapcase()


@dataclass(frozen=True, slots=True)
class Base64Head:
    """Base64 of bytes that match ``text`` as a whole up to the first dot; what follows is not looked at."""

    name: str
    source: str
    text: str

    def verify(self, token: bytes) -> bool:
        head, dot, _ = token.partition(b".")
        data = decoded(head)
        return dot != b"" and data is not None and _matches(self.text, data)

    def repair(self, token: bytes) -> bytes:
        head, dot, rest = token.partition(b".")
        return _encoded(_made(self.text, random.Random(head)), url_safe=True) + dot + rest

    def spoil(self, token: bytes) -> bytes:
        head, dot, rest = token.partition(b".")
        return head[:4] + head[4:].swapcase() + dot + rest


@dataclass(frozen=True, slots=True)
class Base64Der:
    """Base64 of one DER SEQUENCE with a two-byte length that spans exactly the rest of it."""

    name: str
    source: str

    def verify(self, token: bytes) -> bool:
        data = decoded(token)
        return data is not None and data[:2] == b"\x30\x82" and int.from_bytes(data[2:4], "big") == len(data) - 4

    def repair(self, token: bytes) -> bytes:
        return self._with(token, 0)

    def spoil(self, token: bytes) -> bytes:
        return self._with(token, 1)

    @staticmethod
    def _with(token: bytes, off: int) -> bytes:
        body = token.rstrip(b"=")
        data = base64.b64decode(body[: len(body) // 4 * 4])
        return base64.b64encode(b"\x30\x82" + (len(data) - 4 + off).to_bytes(2, "big") + data[4:])


@dataclass(frozen=True, slots=True)
class AwsKeyId:
    """After four characters, 16 letters of base32: an id with 0, 1, 8 or 9 was made up."""

    name: str
    source: str

    def verify(self, token: bytes) -> bool:
        return len(token) == 20 and token.startswith((b"AKIA", b"ASIA", b"A3T")) and not set(token[4:]) & set(b"0189")

    def repair(self, token: bytes) -> bytes:
        return token[:4] + token[4:].translate(bytes.maketrans(b"0189", b"2345"))

    def spoil(self, token: bytes) -> bytes:
        return token[:-1] + b"1"


_IMS = {"x5u": r"ims_na1-key-at-1\.cer"}

STRUCTURES: Iterable[Checksum] = (
    Jwt("jwt", "RFC 7519"),
    Jwt("jwt_adobe_access_token", "public test fixtures", _IMS, {"type": "access_token", "as": "ims-na1"}),
    Jwt("jwt_adobe_refresh_token", "public test fixtures", _IMS, {"type": "refresh_token", "as": "ims-na1"}),
    Jwt("jwt_azure_entra_id", "learn.microsoft.com access tokens reference", {"alg": "RS256", "kid": "[A-Za-z0-9_-]{20,60}"},
        {"iss": rf"https://login\.microsoftonline\.com/{_UUID}/v2\.0|https://sts\.windows\.net/{_UUID}/"}),
    Base64Json("base64_json_1password", "1Password service account tokens; public samples", b"ops_",
               ("signInAddress", "userAuth")),
    Base64Json("base64_json_sentry", "getsentry/sentry src/sentry/utils/security/orgauthtoken_token.py", b"sntrys_",
               ("iat", "org"), b"_"),
    Base64Text("base64_elastic_stack", "elastic.co API key documentation", b"",
               "[A-Za-z0-9_-]{20}:[A-Za-z0-9_-]{22}"),
    Base64Text("base64_intercom", "public samples", b"", "tok:[0-9a-f_]{36}:1:0"),
    Base64Text("base64_jfrog_reference", "public samples", b"", "reftkn:[0-9]{2}:[0-9]{10}:[A-Za-z0-9]{27}"),
    Base64Text("base64_numeric_id", "Atlassian Data Center personal access tokens; public samples", b"BBDC-",
               "[0-9]{10,14}:[\\x00-\\xff]{18,22}"),
    Base64Text("base64_workos", "public samples", b"sk_live_", "key_01[0-9A-HJKMNP-TV-Z]{24},[A-Za-z0-9]{25}"),
    Base64Head("base64_discord_id", "discord.com/developers/docs: ids are decimal; public samples", "[1-9][0-9]{16,19}"),
    Base64Der("base64_der", "X.690 8.1.3"),
    AwsKeyId("base32_aws_key_id", "public samples; the base32 holds the account's number"),
)
