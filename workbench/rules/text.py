"""Rule text: a provider's YAML file exactly as its author wrote it, checked field by field.

The models refuse unknown fields. Nothing here knows other files: what two types mean together is
:mod:`workbench.rules.rule`'s to say. :func:`json_schema` gives editors completion and checks.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

DEFAULT_BEFORE = r"\A|[^0-9A-Za-z]"
"""GitHub's default "before secret" of custom patterns."""

DEFAULT_AFTER = r"\z|[^0-9A-Za-z]"
"""GitHub's default "after secret" of custom patterns."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=100)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Text = Annotated[str, StringConstraints(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class LinesText(_Strict):
    """A window in lines: 0 is the same line, 1 also its neighbours."""

    lines: int = Field(ge=0, le=100_000)
    """Greatest distance in lines between two parts; 0 keeps them on one line."""


class BytesText(_Strict):
    """A window in bytes, counted between the end of one part and the start of the other."""

    bytes: int = Field(ge=0, le=100_000_000)
    """Greatest gap in bytes between two parts; 0 lets them touch."""


Window = Literal["file"] | LinesText | BytesText


class NearText(_Strict):
    """Words that must stand near a match. They do not count for a token whose own statement (its line, from the last comma,
    semicolon or bracket on) names another provider, nor for one without a prefix of its own that starts with that of
    another type."""

    keywords: list[Annotated[str, StringConstraints(min_length=2, max_length=80)]] = Field(min_length=1)
    """Any one of them is enough; upper and lower case are the same."""
    window: Window = BytesText(bytes=200)
    """How near: `file`, `{lines: n}` or `{bytes: n}`, before or after the match. Lines reach 1,024 bytes at most: one of
    minified code is no neighbourhood."""


class FormatText(_Strict):
    """One shape of a secret type's tokens."""

    pattern: Pattern
    """The token itself, in the subset of regular expressions that RE2 and Hyperscan share."""
    label: str | None = None
    """A short name of the format for reports, such as `v2` or `2019+`."""
    before: str = DEFAULT_BEFORE
    """What must stand before the token; it is not part of it."""
    after: str = DEFAULT_AFTER
    """What must stand after the token; it is not part of it."""
    must_match: list[Pattern] = []
    """Every one of these must be found in the token."""
    must_not_match: list[Pattern] = []
    """None of these may be found in the token."""
    checksum: str | None = None
    """The name of a checksum the token carries."""
    min_entropy: float | None = Field(default=None, gt=0, le=8)
    """Least Shannon entropy of the token, in bits a byte."""
    near: NearText | None = None
    """Keywords that must stand near; the way to search a format that has no rare literal of its own."""
    placeholders: Literal["drop", "keep"] = "drop"
    """Whether made-up tokens (EXAMPLE, xxxx, 123456789 …) are dropped."""
    push_protection: StrictBool | None = None
    """Overrides the type's flag; old formats are usually `false`."""
    sample: Pattern | None = None
    """A narrower pattern to make samples from, where the wide one would make unlikely tokens."""


class MatchTest(_Strict):
    """A test text with more to say than its text."""

    text: Text
    """The text, with its placeholders."""
    format: str | None = None
    """Run it only for the format with this label."""
    known_gap: str | None = None
    """Why this test is expected to fail; it is counted, and an error once it passes."""


class SecretTests(_Strict):
    """Test texts. `{secret}` stands for a valid sample, `{placeholder}` for a made-up token of the same shape,
    `{wrong_checksum}` for a sample whose checksum does not hold, `{some_type}` for a sample of another type."""

    match: list[Text | MatchTest] = []
    """Texts in which every `{secret}` is found, with exactly its span, for every format."""
    no_match: list[Text | MatchTest] = []
    """Texts in which nothing of this type is found."""


class SecretText(_Strict):
    """A secret type: a kind of token, with GitHub's slug where GitHub lists it."""

    type: Slug
    """GitHub's slug, such as `stripe_api_key`."""
    name: Text
    """The name people read."""
    partner: StrictBool = False
    """Leaks in public places are reported to the provider."""
    user: StrictBool = True
    """Leaks are shown to the repository's owner."""
    push_protection: StrictBool = False
    """A push that holds one is blocked."""
    base64: StrictBool = False
    """The base64-encoded form is found too."""
    formats: list[FormatText] = Field(min_length=1)
    """The shapes its tokens have had, newest first."""
    references: list[Annotated[str, StringConstraints(pattern=r"^https?://")]] = []
    """Public documentation of the format."""
    note: str | None = None
    """What a reader should know; it changes nothing."""
    overlaps: dict[Annotated[str, StringConstraints(pattern=r"^(\*|[a-z0-9][a-z0-9_]*)$")], Text] = {}
    """Types whose tokens may be this type's too, or `*` for any, each with the reason; either of the two may say it.
    `workbench rules check` reports every other overlap."""
    tests: SecretTests = SecretTests()
    """Texts in which its tokens are found, and texts in which they are not."""


class PairTest(_Strict):
    """A text of samples `{type:tag}`, and the tags whose parts make a pair."""

    text: Text
    """The text. `{aws_access_key_id:a}` stands for a sample of that type; the tag says which parts belong together."""
    pairs: list[str] = []
    """Tags in the text whose parts must pair with each other; no other pair may be found."""
    known_gap: str | None = None
    """Why this test is expected to fail; it is counted, and an error once it passes."""


class PairText(_Strict):
    """A paired credential: an alert is made only when all its parts stand within its window."""

    type: Slug
    """A name of its own for the pair."""
    name: Text
    """The name people read."""
    parts: list[Slug] = Field(min_length=2, max_length=3)
    """Two or three secret types."""
    window: Window = "file"
    """How near the parts must stand: `file` (GitHub's own rule), `{lines: n}` or `{bytes: n}`."""
    order: Literal["any", "as_listed"] = "any"
    """`as_listed`: the parts must stand in the order of `parts`."""
    partner: StrictBool = False
    """Leaks of the whole pair in public places are reported to the provider."""
    user: StrictBool = True
    """Leaks of the whole pair are shown to the repository's owner."""
    push_protection: StrictBool = False
    """A push that holds the whole pair is blocked."""
    references: list[Annotated[str, StringConstraints(pattern=r"^https?://")]] = []
    """Public documentation of how the parts belong together."""
    note: str | None = None
    """What a reader should know; it changes nothing."""
    tests: list[PairTest] = []
    """Texts of samples, each with the pairs that must be found in it."""


class ProviderText(_Strict):
    """One rules file: a provider, its secret types and its pairs."""

    provider: Text
    """The provider's name, as GitHub prints it."""
    secrets: list[SecretText] = Field(min_length=1)
    """The provider's secret types."""
    pairs: list[PairText] = []
    """Its paired credentials."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a rules file."""
    schema = ProviderText.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Secret Workbench rules file"
    return schema
