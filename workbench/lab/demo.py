"""The demo corpus: what the notebooks work on when no other corpus is named. Made once, in some seconds.

It is a planted corpus (:mod:`workbench.corpora.synthesize`): made-up files with tokens of shipped types, a few of each
kind rather than one of all, and of one more provider that only the notebooks know, so that there is a rule left to
write.
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

DEMO_BYTES = 4_000_000
FOLDER = "demo-corpus"

PROVIDER = "Example Cloud"
_RULES = r"""
provider: Example Cloud
secrets:
  - type: example_cloud_account_id
    name: Example Cloud Account Id
    formats: [{pattern: 'EXC[A-Z2-7]{17}'}]
  - type: example_cloud_account_secret
    name: Example Cloud Account Secret
    formats: [{pattern: '[A-Za-z0-9]{44}', must_match: ['[a-z]', '[A-Z]', '[0-9]']}]
pairs:
  - type: example_cloud_account
    name: Example Cloud Account
    parts: [example_cloud_account_id, example_cloud_account_secret]
    window: {lines: 6}
"""


_KEY = """\
  - type: {name}
    name: Example Cloud API Key
    formats: [{{pattern: 'exc_live_[0-9A-Za-z]{{36}}', checksum: crc32_base62_body}}]
"""
_REGIONS = 12
"""Keys are planted as so many types of one shape: a corpus has as many tokens, and look-alikes, of one type as of
another, and a single match would make a dull first rule."""


def corpus(folder: Path | str | None = None, *, size_bytes: int = DEMO_BYTES, rules: RuleSet | None = None,
           progress: bool = False) -> Path:
    """The corpus the notebooks open: ``folder``; else the one ``workbench lab`` was started with; else the demo corpus
    in the current folder, which is made when it is not there.

    ``rules`` are planted instead of shipped ones. Raises what making a corpus raises.
    """
    place = Path(folder or os.environ.get(CORPUS_VARIABLE) or FOLDER)
    if (place / MANIFEST_NAME).exists():
        return place
    own = _own_rules()
    others = rules or _telling(load([rules_folder()]))
    planted = build(
        [*others.secret_types.values(), *own.secret_types.values()], [*others.pairs.values(), *own.pairs.values()]
    )
    synthesize(planted, place, seed="demo", size_bytes=size_bytes, progress=progress)
    return place


def samples(slug: str = "example_cloud_api_key", count: int = 25) -> Sequence[Secret]:
    """Tokens of the made-up provider, as its test account would give them. Raises KeyError for another type."""
    secret_type = _own_rules().secret_types[slug]
    return [Secret(make_sample(secret_type, 0, seed=f"sample {k}"), slug) for k in range(count)]


def _telling(rules: RuleSet) -> RuleSet:
    """One rule a provider, of those with something to see in them: a pair, or a checksum."""
    chosen: dict[str, str] = {}
    for name, rule in sorted(rules.rules.items(), key=lambda item: (not item[1].pairs, item[0])):
        formats = [f for t in rule.secret_types for f in rules.secret_types[t].formats]
        if rule.pairs or any(f.checksum for f in formats):
            chosen.setdefault(rule.provider, name)
    return rules.subset(chosen.values())


def _own_rules() -> RuleSet:
    names = ["example_cloud_api_key", *(f"example_cloud_api_key_{k}" for k in range(2, _REGIONS + 1))]
    keys = "".join(_KEY.format(name=n) for n in names)
    return rule_set(check_sources([("example_cloud.yaml", _RULES.replace("secrets:\n", f"secrets:\n{keys}"))]))
