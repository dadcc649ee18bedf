"""Checksums: published values, and a round trip through repair and spoil for every one that a rule may name."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from workbench.rules import checks, pattern
from workbench.rules.checksum import BASE62, crc32c, decoded
from workbench.rules.marvin import marvin64
from workbench.rules.structure import completed

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "partner_test_vector.json"

_B64, _URL, _B62 = "[A-Za-z0-9+/]", "[A-Za-z0-9_-]", "[A-Za-z0-9]"
_KEY88, _KEY44 = _B64 + "{85}[AQgw]==", _B64 + "{42}[AEIMQUYcgkosw048]="
_JWT = f"eyJ{_URL}{{60,90}}\\.eyJ{_URL}{{80,200}}\\.{_URL}{{86}}"
_IMS = f"eyJhbGciOiJSUzI1NiIsIng1dSI6Imltc19uYTEta2V5{_URL}{{10,40}}\\.eyJ{_URL}{{80,300}}\\.{_URL}{{342}}"

# Shapes that the checks serve, as regular expressions; repair must keep to them.
SHAPES = {
    "crc32_base62_body": f"ghx_{_B62}{{36}}",
    "crc32_base36_whole": f"glxat-{_URL}{{27}}\\.[0-9a-z]{{9}}",
    "crc32_hex_upper_whole": f"ATATT{_URL}{{80}}=[0-9A-F]{{8}}",
    "crc32_hex_body": f"(?:cfxt_{_B62}{{40}}|zpxa_[a-z0-9]{{32}}_)[0-9a-f]{{8}}",
    "crc32_hex_whole": f"ysx2_{_B62}{{40}}[0-9a-f]{{8}}",
    "crc32_hex_le": f"glxa_{_B62}{{32}}_[0-9a-f]{{8}}",
    "crc32c_base58_whole": "unkex_[1-9A-HJ-NP-Za-km-z]{8}unkeyv1[1-9A-HJ-NP-Za-km-z]{42}",
    "base64_crc32": f"essu_{_B64}{{91}}=",
    "crc32_base32_scattered": "[a-z2-7]{51}[aq]",
    "marvin32_default0": _KEY88,
    "marvin32_default0_url": _URL + "{85}[AQgw](?:==)?",
    "marvin32_abacct00": _KEY88,
    "marvin32_classic0": _KEY88,
    "marvin32_device00": _KEY44,
    "marvin32_dpskey00": _KEY44,
    "marvin32_gatewy00": _KEY88,
    "marvin32_gitkey00": _KEY88,
    "marvin32_iothub00": _KEY44,
    "marvin32_padmin00": _B64 + "{52}",
    "marvin32_query000": _B64 + "{52}",
    "marvin32_sendrecv": _KEY44,
    "marvin32_tenant00": _KEY88,
    "marvin32_messaging": _KEY44,
    "marvin32_cosmosdb": _KEY88,
    "marvin32_functions": _URL + "{53}[AQgw](?:==|%3D%3D)",
    "marvin32_base62": f"{_B62}{{84}}(?:\\.{_B62}{{84}})?",
    "marvin32_base66": "[A-Za-z0-9_~.-]{3}8Q~[A-Za-z0-9_~.-]{34}",
    "jwt": _JWT,
    "jwt_adobe_access_token": _IMS,
    "jwt_adobe_refresh_token": _IMS,
    "jwt_azure_entra_id": f"eyJ{_URL}{{50,500}}\\.eyJ{_URL}{{50,900}}\\.{_URL}{{342}}",
    "base64_json_1password": f"ops_eyJ{_B64}{{160,500}}={{0,2}}",
    "base64_json_sentry": f"sntrys_eyJ{_B64}{{60,400}}={{0,2}}_{_B64}{{43}}",
    "base64_elastic_stack": f"{_B64}{{58}}==",
    "base64_intercom": f"dG9rO{_B64}{{54}}=",
    "base64_jfrog_reference": f"cmVmdGtu{_B62}{{56}}",
    "base64_numeric_id": f"(?:BBDC-)?{_B64}{{44,48}}={{0,2}}",
    "base64_workos": f"sk_live_a2V5Xz{_B64}{{69}}=",
    "base64_discord_id": f"[MNO][DTjz][AEIMQUYcgk][w-z0-5]{_URL}{{19,24}}\\.{_URL}{{6}}\\.{_URL}{{38}}",
    "base64_der": f"MI{_B64}{{1198}}",
    "base32_aws_key_id": "AKIA[A-Z0-9]{16}",
}

PASSED_BY_CHANCE = {"base32_aws_key_id": 5}
"""Of 20 random strings of its shape: letters and digits are base32 more often than a sum holds."""


def test_every_checksum_has_a_shape_here():
    assert set(SHAPES) == set(checks.CHECKSUMS)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_repaired_tokens_hold_and_keep_their_shape(name):
    check = checks.CHECKSUMS[name]
    tree, shape = pattern.parse(SHAPES[name]), re.compile(SHAPES[name].encode())
    kept = 0
    for seed in range(20):
        token = check.repair(pattern.generate(tree, random.Random(seed)))
        assert check.verify(token), "repair must make the check hold"
        assert check.repair(token) == token or name.startswith(("base64_", "jwt")), "a good token is left alone"
        kept += shape.fullmatch(token) is not None
    # Some checks put characters into the token that a shape may exclude; samples are then drawn again.
    assert kept >= 4


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_spoilt_and_random_tokens_do_not_hold(name):
    check = checks.CHECKSUMS[name]
    tree = pattern.parse(SHAPES[name])
    for seed in range(10):
        made = pattern.generate(tree, random.Random(seed))
        spoilt = check.spoil(check.repair(made))
        assert not check.verify(spoilt)
        assert len(spoilt) == len(check.repair(made))
    passed = sum(check.verify(pattern.generate(tree, random.Random(seed))) for seed in range(20))
    assert passed <= PASSED_BY_CHANCE.get(name, 0)


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("token", [
    b"", b"x", b"_", b".", b"..", b"==", b"ops_", b"\xff\x00" * 30, b"A" * 44, b"a.b.c", b"eyJ.eyJ.x", b"!" * 84,
], ids=repr)
def test_bytes_of_any_shape_are_refused_without_an_error(name, token):
    assert checks.CHECKSUMS[name].verify(token) is False


# ---------------------------------------------------------------------------------------------------------------------
# Published values


def test_github_checksum_vector():
    if not VECTORS.is_file():
        pytest.skip("needs the partner test vectors beside the repository (../shared/data)")
    vector = json.loads(VECTORS.read_text())["derived_facts"]["checksum_vector"]
    token = (vector["prefix"] + vector["entropy"] + vector["checksum"]).encode()
    assert checks.CHECKSUMS["crc32_base62_body"].verify(token)


def test_crc32c_check_value():
    assert crc32c(b"123456789") == 0xE3069283  # the catalogue's check value of CRC-32/ISCSI


@pytest.mark.parametrize(("data", "expected"), [
    ("", 0x30ED35C100CD3C7D), ("af", 0x48E73FC77D75DDC1), ("e70f", 0xB5F6E1FC485DBFF8), ("37f495", 0xF0B07C789B8CF7E8),
    ("8642dc59", 0x7008F2E87E9CF556), ("153fb79826", 0xE6C08C6DA2AFA997),
])
def test_marvin_reference_values(data, expected):
    # The vectors of SymCrypt's own test, seed 0x004fb61a001bdbcc.
    assert marvin64(bytes.fromhex(data), 0x004FB61A001BDBCC) == expected


def test_microsofts_own_example_of_an_application_secret():
    # SEC101/156's printed example, in pieces: 31 times z with the sum blP.
    token = b"zzz8Q~" + b"z" * 31 + b"blP"
    assert checks.CHECKSUMS["marvin32_base66"].verify(token)
    assert not checks.CHECKSUMS["marvin32_base66"].verify(token[:-1] + b"Q")


def test_a_key_is_known_by_its_seed_alone():
    # Device, hub and provisioning keys look the same; only one of the three sums holds.
    made = pattern.generate(pattern.parse(_KEY44), random.Random(1))
    token = checks.CHECKSUMS["marvin32_dpskey00"].repair(made)
    holds = [n for n in ("marvin32_device00", "marvin32_dpskey00", "marvin32_iothub00")
             if checks.CHECKSUMS[n].verify(token)]
    assert holds == ["marvin32_dpskey00"]


# ---------------------------------------------------------------------------------------------------------------------
# Parts


def test_only_canonical_base64_decodes():
    assert decoded(b"QUI=") == decoded(b"QUI") == b"AB"
    assert decoded(b"-_-_") == decoded(b"+/+/")
    assert decoded(b"QUJ=") is None  # bits beyond the last byte: no encoder writes them
    assert decoded(b"QUI!") is None and decoded(b"Q") is None


@pytest.mark.parametrize(("text", "kept"), [
    (b'{"typ":"JWT","kid":\x9f\x80\x81\x82\x83\x84', b'{"typ":"JWT","kid":'),  # a value is wanted
    (b'{"typ":"JWT","kid":"ab\xff\xff\xff\xff', b'{"typ":"JWT","kid":"ab'),  # inside a value
    (b'{"\xd0\xd0\xd0\xd0\xd0\xd0\xd0\xd0', b'{"'),  # inside a name
    (b'{"a":1\xff\xff\xff\xff\xff\xff\xff\xff\xff', b'{"a":1'),  # after a value
    (b'{"a":"b"}', b'{"a":"b"}'),  # whole already
])
def test_completing_json_keeps_the_longest_head_and_the_length(text, kept):
    whole = completed(text, random.Random(0))
    assert isinstance(json.loads(whole), dict)
    assert whole.startswith(kept) and len(whole) == len(text)


@pytest.mark.parametrize(("token", "reason"), [
    (b"ExampleExampleExample", "documentation word"), (b"A" * 20, "repeats one character"),
    (b"q7" * 10, "repeats a piece"), (b"zk123456789abqwmnrt", "run"), (b"abcabdabdabcabdc", "different characters"),
])
def test_made_up_tokens_are_told(token, reason):
    assert reason in (checks.made_up(token.lower() if b"Example" in token else token) or "")


def test_random_tokens_are_not_made_up():
    rng = random.Random(5)
    tokens = [bytes(rng.choices(BASE62, k=40)) for _ in range(5000)]
    assert not [t for t in tokens if checks.made_up(t)]
