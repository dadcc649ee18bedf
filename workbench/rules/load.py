"""Loading: rules files in, one validated rule set out, or every problem of every file at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import re2

from workbench.errors import RulesError
from workbench.rules import rule as r
from workbench.rules.checks import CHECKSUMS
from workbench.rules.pattern import UNBOUNDED, PatternError, lengths, parse, triggers
from workbench.rules.problem import Problem
from workbench.rules.source import RulesSource, check_text, read_source, rule_files
from workbench.rules.text import FormatText, PairText, ProviderText, SecretText

WIDEST_DELIMITER = 256
"""Longest `before` or `after`, in bytes: a confirm reads that much round every trigger."""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file that passed its own checks: where it is, and what it says."""

    source: RulesSource
    text: ProviderText


@dataclass(frozen=True, slots=True)
class Loaded:
    """Everything loading learned: the files that hold together, and every problem met."""

    files: tuple[LoadedFile, ...]
    problems: tuple[Problem, ...]


def re2_options() -> re2.Options:
    """Options every pattern is compiled with: bytes, and no chatter on standard error."""
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    return options


def compile_re2(pattern: str) -> re2._Regexp:
    """``pattern`` compiled for bytes. Raises :class:`PatternError` with RE2's reason."""
    try:
        return re2.compile(pattern.encode("latin-1"), re2_options())
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise PatternError(text) from None


def read(paths: Sequence[Path | str]) -> Loaded:
    """Read and check every file of ``paths`` (files, or folders of YAML files). Never raises for what rules say.

    Raises :class:`RulesError` when a path is not there or there is no rules file at all.
    """
    places = [Path(p) for p in paths]
    missing = [p for p in places if not p.exists()]
    if missing:
        raise RulesError([f"{p}: got no such file or folder, expected rules, do name a folder of YAML files"
                          for p in missing])
    files = rule_files(places)
    if not files:
        shown = ", ".join(str(p) for p in places)
        raise RulesError([f"{shown}: got no *.yaml file, expected at least one rule, do add a provider's file "
                          "(an empty rule set must not report that nothing was found)"])
    return check_sources([(str(f), _read_text(f)) for f in files])


def _read_text(path: Path) -> str | Problem:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        return Problem(str(path), 1, "file", str(reason), "a readable UTF-8 file", "check the file")


def check_sources(sources: Iterable[tuple[str, str | Problem]]) -> Loaded:
    """Check named texts as :func:`read` checks files."""
    problems: list[Problem] = []
    files: list[LoadedFile] = []
    for name, text in sources:
        if isinstance(text, Problem):
            problems.append(text)
            continue
        source, wrong = read_source(name, text)
        problems += wrong
        if source is None:
            continue
        checked, wrong = check_text(source)
        problems += wrong
        if checked is not None:
            files.append(LoadedFile(source, checked))
            problems += _check_formats(source, checked)
    problems += _check_together(files)
    return Loaded(tuple(files), tuple(sorted(problems)))


def load(paths: Sequence[Path | str]) -> r.RuleSet:
    """The rule set of ``paths``.

    Raises :class:`RulesError` listing every problem of every file, and for a rule set without a rule.
    """
    return rule_set(read(paths))


def rule_set(loaded: Loaded) -> r.RuleSet:
    """The rule set of files already read; raises :class:`RulesError` as :func:`load` does."""
    errors = [str(p) for p in loaded.problems if p.severity == "error"]
    if errors:
        raise RulesError(errors)
    types = [r.from_text(s, f.text.provider) for f in loaded.files for s in f.text.secrets]
    pairs = [r.pair_from_text(p, f.text.provider) for f in loaded.files for p in f.text.pairs]
    if not types:
        raise RulesError(["rules: got no secret type, expected at least one, do add a provider's file"])
    return r.build(types, pairs)


# ---------------------------------------------------------------------------------------------------------------------
# One file


_Item = TypeVar("_Item", bound=SecretText | PairText)


def numbered(items: Sequence[_Item]) -> list[tuple[int, _Item]]:
    """Items with their place in the file; those that did not pass their own check are None and left out."""
    return [(i, item) for i, item in enumerate(items) if item is not None]


def _check_formats(source: RulesSource, text: ProviderText) -> list[Problem]:
    problems: list[Problem] = []
    for i, secret in numbered(text.secrets):
        for k, fmt in enumerate(secret.formats):
            problems += _check_format(source, secret, fmt, ("secrets", i, "formats", k))
    return problems


def _check_format(source: RulesSource, secret: SecretText, fmt: FormatText, path: tuple) -> list[Problem]:
    problems: list[Problem] = []

    def wrong(field: str, got: str, expected: str, do: str, index: int | None = None) -> None:
        at = (*path, field) if index is None else (*path, field, index)
        problems.append(Problem(source.name, source.line(at), secret.type, got, expected, do))

    # RE2 nearly always takes all three together, and then it takes each that our own parser does.
    whole = f"(?:{fmt.before})({fmt.pattern})(?:{fmt.after})"
    together = _re2_refusal(whole)
    named = [("pattern", fmt.pattern, None), ("before", fmt.before, None), ("after", fmt.after, None)]
    others = [("must_match", p, n) for n, p in enumerate(fmt.must_match)]
    others += [("must_not_match", p, n) for n, p in enumerate(fmt.must_not_match)]
    others += [("sample", fmt.sample, None)] if fmt.sample else []
    for field, pattern, index in (*named, *others):
        alone = refusals(pattern) if together or (field, pattern, index) in others else _own_refusal(pattern)
        for engine, refusal in alone:
            wrong(field, f"a {field} that {engine} refuses ({refusal})", "a pattern of the shared subset",
                  "rewrite it without that construct", index)
    if problems:
        return problems
    if lengths(parse(fmt.pattern))[0] < 4:
        wrong("pattern", "a pattern that matches fewer than 4 bytes", "a token of at least 4", "lengthen it")
    for field, pattern in (("before", fmt.before), ("after", fmt.after)):
        if lengths(parse(pattern))[1] > WIDEST_DELIMITER:
            wrong(field, f"a {field} without a bound of {WIDEST_DELIMITER} bytes", "a bounded one",
                  "write {0,64} for * and {1,64} for +")
    if together:
        wrong("pattern", f"a pattern that RE2 refuses between its delimiters ({together[0][1]})", "one that compiles with them",
              "shorten its repeats")
    if fmt.checksum is not None and fmt.checksum not in CHECKSUMS:
        wrong("checksum", f"checksum={fmt.checksum!r}", "one of " + ", ".join(sorted(CHECKSUMS)), "name one of these")
    return problems


def refusals(pattern: str) -> list[tuple[str, str]]:
    """The engines that refuse ``pattern`` when rules are loaded, each with its reason."""
    return _own_refusal(pattern) + _re2_refusal(pattern)


def _own_refusal(pattern: str) -> list[tuple[str, str]]:
    try:
        parse(pattern)
    except PatternError as error:
        return [("the workbench", str(error))]
    return []


def _re2_refusal(pattern: str) -> list[tuple[str, str]]:
    try:
        compile_re2(pattern)
    except PatternError as error:
        return [("RE2", str(error))]
    except UnicodeEncodeError:  # said by our own parser
        return [("RE2", "characters that are no bytes")]
    return []


# ---------------------------------------------------------------------------------------------------------------------
# All files together


def _check_together(files: Sequence[LoadedFile]) -> list[Problem]:
    problems: list[Problem] = []
    types: dict[str, tuple[LoadedFile, SecretText]] = {}
    names: dict[str, str] = {}
    for file in files:
        for kind, items in (("secrets", file.text.secrets), ("pairs", file.text.pairs)):
            for i, item in numbered(items):
                line = file.source.line((kind, i, "type"))
                where = f"{file.source.name}:{line}"
                if item.type in names:
                    problems.append(Problem(file.source.name, line, item.type, f"the type {item.type} a second time",
                                            f"it only at {names[item.type]}", "rename or merge one of them"))
                    continue
                names[item.type] = where
                if isinstance(item, SecretText):
                    types[item.type] = (file, item)
    parts: set[str] = set()
    for file in files:
        for i, pair in numbered(file.text.pairs):
            parts.update(pair.parts)
            problems += _check_pair(file.source, i, pair, types)
    for file, secret in types.values():
        problems += _check_searchable(file, secret, secret.type in parts)
    return problems


def _check_pair(source: RulesSource, i: int, pair: PairText, types: dict) -> list[Problem]:
    problems = []
    for k, part in enumerate(pair.parts):
        if part not in types:
            problems.append(Problem(source.name, source.line(("pairs", i, "parts", k)), pair.type,
                                    f"the unknown part {part}", "a secret type of the loaded files",
                                    "correct the name or load the file that has it"))
    known = [types[p][1] for p in pair.parts if p in types]
    if len(known) == len(pair.parts) and not any(searchable(f) for s in known for f in s.formats):
        problems.append(Problem(source.name, source.line(("pairs", i, "parts")), pair.type,
                                "parts of which none has a rare literal or keywords near it", "one that can be searched",
                                "add near: keywords to the part that stands beside them"))
    return problems


STRONG_RUN = 4
"""Fixed characters in a row that make a format be searched by its own literal although keywords must stand near:
`tss_` is far rarer than any provider's name, `-hhhh-hhhh-` of a UUID and `==` are not."""


def search_way(fmt: FormatText | r.Format, *, is_part: bool) -> Literal["trigger", "near", "partner"] | None:
    """How a format is searched over a corpus; None when it cannot be.

    ``trigger``: by its own rare literal. ``near``: by the keywords that must stand near, when those are rarer.
    ``partner``: only round its partner in a pair.
    """
    own = triggers(trigger_pattern(fmt))
    if fmt.near and not (own and min(t.literal_run for t in own) >= STRONG_RUN):
        return "near"
    if is_part and not triggers(fmt.pattern):
        return "partner"  # a word in its `before` must not make it a search over the whole corpus
    return "trigger" if own else None


def searchable(fmt: FormatText | r.Format) -> bool:
    """Whether the format can be searched by itself: it has a trigger of its own, or keywords near it."""
    try:
        return search_way(fmt, is_part=True) in ("trigger", "near")
    except PatternError:
        return True  # reported where the pattern is checked


def trigger_pattern(fmt: FormatText | r.Format) -> str:
    """What a format's triggers are taken from: the pattern, led by its `before` where that is longer than a byte."""
    if lengths(parse(fmt.before))[1] <= 1:
        return fmt.pattern
    return f"(?:{fmt.before})(?:{fmt.pattern})"


def _check_searchable(file: LoadedFile, secret: SecretText, is_part: bool) -> list[Problem]:
    problems = []
    if is_part:
        return problems
    i = file.text.secrets.index(secret)
    for k, fmt in enumerate(secret.formats):
        try:
            way = search_way(fmt, is_part=False)
        except PatternError:
            continue  # reported where the pattern is checked
        if way is None:
            line = file.source.line(("secrets", i, "formats", k, "pattern"))
            unbounded = lengths(parse(fmt.pattern))[1] >= UNBOUNDED
            problems.append(Problem(
                file.source.name, line, secret.type,
                "a format with no rare literal at a bounded distance from its start",
                "two or more fixed characters, keywords near it, or a pair it is a part of",
                "bound the repeats before its literal" if unbounded else "add near: {keywords: [...]}"))
    return problems
