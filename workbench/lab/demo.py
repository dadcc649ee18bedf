"""The demo corpus: what the notebooks work on when no other corpus is named. Made once, in about half a minute.

It is a planted corpus (:mod:`workbench.corpora.synthesize`): made-up files with tokens of every shipped type, and of one
more provider that only the notebooks know, so that there is a rule left to write.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from workbench.corpora.manifest import MANIFEST_NAME
from workbench.corpora.synthesize import synthesize
from workbench.lab.server import CORPUS_VARIABLE
from workbench.model import Secret
from workbench.rules.cached import load
from workbench.rules.load import check_sources, rule_set
from workbench.rules.rule import RuleSet, build
from workbench.rules.samples import make_sample
from workbench.shipped import rules_folder

DEMO_BYTES = 6_000_000
FOLDER = "demo-corpus"

PROVIDER = "Example Cloud"
_RULES = r"""
provider: Example Cloud
secrets:
  - type: example_cloud_api_key
    name: Example Cloud API Key
    formats: [{pattern: 'exc_live_[0-9A-Za-z]{36}', checksum: crc32_base62_body}]
  - type: example_cloud_account_id
    name: Example Cloud Account Id
    formats: [{pattern: 'EXC[A-Z2-7]{17}'}]
  - type: example_cloud_account_secret
    name: Example Cloud Account Secret
    formats: [{pattern: '[A-Za-z0-9]{44}', must_match: ['[a-z]', '[A-Z]', '[0-9]']}]
pairs:
  - {type: example_cloud_account, name: Example Cloud Account, parts: [example_cloud_account_id, example_cloud_account_secret],
     window: {lines: 6}}
"""


def corpus(folder: Path | str | None = None, *, size_bytes: int = DEMO_BYTES, rules: RuleSet | None = None,
           progress: bool = False) -> Path:
    """The corpus the notebooks open: ``folder``; else the one ``workbench lab`` was started with; else the demo corpus in
    the current folder, which is made when it is not there.

    ``rules`` are planted instead of the shipped ones. Raises what making a corpus raises.
    """
    named = folder or os.environ.get(CORPUS_VARIABLE)
    if named and (Path(named) / MANIFEST_NAME).exists():
        return Path(named)
    place = Path(named or FOLDER)
    own = _own_rules()
    others = rules or load([rules_folder()])
    planted = build([*others.secret_types.values(), *own.secret_types.values()], [*others.pairs.values(), *own.pairs.values()])
    synthesize(planted, place, seed="demo", size_bytes=size_bytes, progress=progress)
    return place


def samples(slug: str = "example_cloud_api_key", count: int = 25) -> Sequence[Secret]:
    """Tokens of the made-up provider, as its test account would give them. Raises KeyError for another type."""
    secret_type = _own_rules().secret_types[slug]
    return [Secret(make_sample(secret_type, 0, seed=f"sample {k}"), slug) for k in range(count)]


def _own_rules() -> RuleSet:
    return rule_set(check_sources([("example_cloud.yaml", _RULES)]))
