"""What stands round a token in other people's files: whichever it is, the shipped rules must find the token.

Formats that need no word near are tried in all of these texts; those that need the provider's name beside them in the
ones that have it, and in those where it stands a line or two away from a name that names nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from workbench.engine.compiled import CompiledRules
from workbench.engine.scan import blob_batch, scan_batches
from workbench.rules.load import search_way
from workbench.rules.pattern import lengths, parse
from workbench.rules.rule import RuleSet, SecretType
from workbench.rules.samples import make_sample

# {A_B}, {a_b}, {aB}, {a-b}: the provider's name as a variable has it.
TEXTS = (
    '{a_b}_api_key = "{secret}"',
    "{A_B}_TOKEN: {secret}",
    '"{aB}Key": "{secret}"',
    "export {A_B}={secret}",
    "https://api.example.com/v1?{a_b}_key={secret}&limit=1",
    "<{a-b}-token>{secret}</{a-b}-token>",
    '{"config.ini": "{A_B}_TOKEN={secret}\\nDEBUG=true"}',
    '{"service": "{a-b}", "token": "{secret}"}',
    "const client = new {aB}Client({ apiKey: '{secret}' })",
    "{A_B}_SECRET='{secret}'",
    'set{aB}ApiToken("{secret}")',
    "{a-b}-api-key: `{secret}`",
    "{a_b}_token => '{secret}',",
    '<add key="{aB}Token" value="{secret}" />',
)

NAMED_ABOVE = (
    '# {A_B}\napi_key = "{secret}"\n',
    "{a_b}:\n  url: https://example.org\n  token: '{secret}'\n",
    "[{a-b}]\nauth_token={secret}\n",
    '"{aB}": {\n  "apiKey": "{secret}"\n}\n',
    "curl https://api.{a-b}.com/v1/me \\\n  -H 'Authorization: Bearer {secret}'\n",
    'var {aB}Token string = "{secret}"',
    "{a_b}_token: |\n  {secret}\n",
    "The {a_b} token is {secret}",
)
"""As :data:`TEXTS`, for a value whose own name is no provider's, or stands apart from it."""

NAMES = {
    "azure_cosmosdb_key_identifiable": "cosmos",
    "azure_storage_account_key": "azure storage",
    "azure_openai_key": "azure openai",
    "hashicorp_vault_service_token": "vault",
    "ibm_cloud_iam_key": "ibm cloud",
    "wandb_api_key": "wandb",
}
"""What a type is called beside its tokens, where that is not the provider's name."""


def texts(secret: SecretType, token: str, forms: tuple[str, ...]) -> Iterator[str]:
    words = re.findall(r"[a-z0-9]+", NAMES.get(secret.type, secret.provider.lower()))
    names = {"{A_B}": "_".join(words).upper(), "{a_b}": "_".join(words), "{a-b}": "-".join(words),
             "{aB}": words[0] + "".join(w.title() for w in words[1:]), "{secret}": token}
    for text in forms:
        yield re.sub(r"\{(?:A_B|a_b|a-b|aB|secret)\}", lambda m: names[m.group()], text)


def missed(compiled: CompiledRules, secret: SecretType, index: int, *, forms: tuple[str, ...] = TEXTS) -> list[str]:
    """The texts, without the token, in which a sample of the format is not found with its own borders."""
    token = make_sample(secret, index, seed="surroundings").decode("latin-1")
    made = [t.encode("latin-1") for t in texts(secret, token, forms)]
    found = {row["blob_id"]: row["matches"] for out in scan_batches([blob_batch([(str(k), t) for k, t in enumerate(made)])],
                                                                    compiled) for row in out.to_pylist()}
    spans = [(t.index(token.encode("latin-1")), len(token)) for t in made]
    return [text for k, (text, (at, size)) in enumerate(zip(forms, spans, strict=True))
            if not any((m["secret_type"], m["start"], m["end"]) == (secret.type, at, at + size) for m in found.get(str(k), ()))]


@pytest.fixture(scope="module")
def compiled(shipped: RuleSet) -> CompiledRules:
    return CompiledRules(shipped)


def test_formats_that_need_no_word_are_found_in_all_of_them(shipped: RuleSet, compiled: CompiledRules) -> None:
    parts = shipped.part_types()
    wrong = {}
    for secret in shipped.secret_types.values():
        for index, fmt in enumerate(secret.formats):
            needs_none = fmt.near is None and max(lengths(parse(p))[1] for p in (fmt.before, fmt.after)) <= 2
            if needs_none and search_way(fmt, is_part=secret.type in parts) == "trigger":
                wrong[secret.type, fmt.label] = missed(compiled, secret, index)
    assert {name: lost for name, lost in wrong.items() if lost} == {}


NARROWER = {
    "circleci_personal_access_token": "only words between that no project's token has",
    "linkedin_client_secret": "16 characters, so the word secret or key must stand between",
    "maxmind_license_key": "16 characters, so the word license or key must stand between",
    "github_personal_access_token": "40 hexadecimal digits, as of a commit, so the word token or key must stand between",
}


def test_formats_beside_a_name_are_found_in_all_of_them(shipped: RuleSet, compiled: CompiledRules) -> None:
    wrong = {}
    for secret in shipped.secret_types.values():
        for index, fmt in enumerate(secret.formats):
            if fmt.label == "beside the name" and secret.type not in NARROWER:
                wrong[secret.type, fmt.label] = missed(compiled, secret, index)
    assert {name: lost for name, lost in wrong.items() if lost} == {}


def test_formats_beside_a_name_are_found_below_it(shipped: RuleSet, compiled: CompiledRules) -> None:
    wrong = {}
    for secret in shipped.secret_types.values():
        for index, fmt in enumerate(secret.formats):
            if fmt.label == "beside the name" and secret.type not in NARROWER:
                wrong[secret.type, fmt.label] = missed(compiled, secret, index, forms=NAMED_ABOVE)
    assert {name: lost for name, lost in wrong.items() if lost} == {}
