"""The catalogue: what stands beside the rules is what they make, and every type can be looked up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from tests.conftest import HOUSE_RULES, shared
from workbench.cli import app
from workbench.errors import RulesError, UsageError
from workbench.rules import text
from workbench.rules.catalogue import entries, not_public, readme, schema_text
from workbench.rules.checks import CHECKSUMS
from workbench.rules.load import Loaded, check_sources
from workbench.rules.rule import RuleSet
from workbench.rules.sheet import sheet
from workbench.shipped import rules_folder


def test_the_readme_is_what_the_rules_make(shipped: RuleSet) -> None:
    assert (rules_folder() / "README.md").read_text() == readme(shipped, rules_folder()), "run workbench rules readme"


def test_the_schema_is_what_the_models_make() -> None:
    assert (rules_folder() / "schema.json").read_text() == schema_text(), "run workbench rules schema --write"


def test_every_type_field_and_checksum_stands_in_the_readme(shipped: RuleSet) -> None:
    page = (rules_folder() / "README.md").read_text()
    assert all(f"| `{name}` |" in page for name in (*shipped.secret_types, *CHECKSUMS))
    assert all(f"`{pair}`" in page for pair in shipped.pairs)
    models = [m for m in vars(text).values() if isinstance(m, type) and issubclass(m, BaseModel) and m.model_fields]
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name} is not explained"
            assert f"**`{name}`**" in page and " ".join(field.description.split()) in page


def test_a_page_that_is_not_up_to_date_is_told_and_mended(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(HOUSE_RULES)
    for command in (["readme"], ["schema", "--write"]):
        check = ["rules", command[0], "--check", "--rules", str(tmp_path)]
        stale = CliRunner().invoke(app, check)
        assert stale.exit_code == 1 and f"workbench rules {' '.join(command)}" in stale.output
        assert CliRunner().invoke(app, ["rules", *command, "--rules", str(tmp_path)]).exit_code == 0
        assert CliRunner().invoke(app, check).exit_code == 0
    page = (tmp_path / "README.md").read_text()
    assert "| Acme | `acme_secret` |  | ✓ |  |  | `acme_pair`, `acme_triple` |  | 1 |" in page
    assert "Format not public" not in page, "there is no list of such types beside these rules"


def test_every_type_of_githubs_list_has_a_rule_or_is_listed_as_not_public(shipped: RuleSet) -> None:
    rows = json.loads(shared("data", "github_supported_patterns.json").read_text())["patterns"]
    flags = ("isPublic", "isPrivateWithGhas", "hasPushProtection", "base64Supported")
    theirs = {slug: (row["provider"], *(row[f] for f in flags)) for row in rows for slug in row["_slugs"]}
    source, hidden = not_public(rules_folder())
    assert "CC BY 4.0" in source
    listed = {e.type: (e.provider, e.partner, e.user, e.push_protection, e.base64) for e in hidden}
    assert set(listed) == set(theirs) - set(shipped.secret_types)
    assert listed == {slug: theirs[slug] for slug in listed}
    partners = {slug for row in rows if row["isPublic"] for slug in row["_slugs"]}  # a part may stand in several rows
    assert {e.type for e in entries(shipped) if e.partner and e.type in theirs} == partners & set(shipped.secret_types)


def test_a_damaged_list_of_types_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "format_not_public.json").write_text('{"source": "x", "types": [{"slug": "a"}]}')
    with pytest.raises(RulesError, match=r"format_not_public\.json: got .*expected an object with source and types"):
        not_public(tmp_path)


# ---------------------------------------------------------------------------------------------------------------------
# One type, and the list


def test_a_sheet_tells_how_each_format_is_searched() -> None:
    loaded = check_sources([("acme.yaml", HOUSE_RULES)])
    token = "\n".join(sheet(loaded, "acme_token"))
    assert "by its trigger acme_......" in token and "crc32_base62_body" in token and "41 bytes" in token
    secret = "\n".join(sheet(loaded, "acme_secret"))
    assert "only in the window round its partner's match" in secret
    assert "acme_pair: acme_id + acme_secret, window 5 lines" in secret and "rule        acme_pair, hash " in secret
    assert "by a keyword within 1 lines: acmehash" in "\n".join(sheet(loaded, "acme_hash"))
    assert "acme_temporary_id + acme_secret + acme_session in any order" in "\n".join(sheet(loaded, "acme_triple"))
    with pytest.raises(UsageError, match="there are acme_secret, acme_session"):
        sheet(loaded, "acme_se")


def test_every_shipped_pair_and_many_types_have_a_sheet(shipped: RuleSet, shipped_files: Loaded) -> None:
    for name in (*list(shipped.secret_types)[::40], *shipped.pairs):
        assert sheet(shipped_files, name)[0].startswith(f"{name}: ")


def test_the_list_is_for_people_and_for_programs(tmp_path: Path) -> None:
    (tmp_path / "acme.yaml").write_text(HOUSE_RULES)
    people = CliRunner().invoke(app, ["rules", "list", str(tmp_path), "--provider", "acm"])
    assert [line.split()[0] for line in people.stdout.splitlines()][:3] == ["acme_hash", "acme_id", "acme_secret"]
    assert CliRunner().invoke(app, ["rules", "list", str(tmp_path), "--provider", "other"]).stdout == ""
    programs = CliRunner().invoke(app, ["rules", "list", str(tmp_path), "--json"])
    rows = {row["type"]: row for row in map(json.loads, programs.stdout.splitlines())}
    assert rows["acme_token"]["formats"] == ["v2", "old"] and rows["acme_token"]["checksums"] == ["crc32_base62_body"]
    assert rows["acme_secret"]["pairs"] == ["acme_pair", "acme_triple"]
