"""Loading: rules files in, one validated rule set out, or every problem of every file at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import re2

from workbench.errors import RulesError
from workbench.rules import rule as r
from workbench.rules.checks import CHECKSUMS
from workbench.rules.pattern import UNBOUNDED, PatternError, lengths, parse, triggers
from workbench.rules.problem import Problem
from workbench.rules.remembered import Memory
from workbench.rules.source import Path_, RulesSource, check_text, owner, remembered_source, rule_files
from workbench.rules.text import FormatText, PairText, ProviderText, SecretText

WIDEST_DELIMITER = 256
"""Longest `before` or `after`, in bytes: a confirm reads that much round every trigger."""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file that was read: where it is, and what it says.

    ``text`` has None for each secret and pair with a form error; ``drafts`` and ``refused`` are as in
    :class:`workbench.rules.source.Checked`.
    """

    source: RulesSource
    text: ProviderText
    drafts: Mapping[Path_, SecretText | PairText] = field(default_factory=dict)
    refused: frozenset[Path_] = frozenset()

    def secrets(self) -> list[tuple[int, SecretText]]:
        """Every secret with its place, drafts among them: for finding problems, never for making rules."""
        return [(i, s) for i, s in self._written("secrets", self.text.secrets) if isinstance(s, SecretText)]

    def pairs(self) -> list[tuple[int, PairText]]:
        """Every pair with its place, drafts among them."""
        return [(i, p) for i, p in self._written("pairs", self.text.pairs) if isinstance(p, PairText)]

    def _written(self, section: str, items: Sequence[SecretText | PairText],
                 ) -> list[tuple[int, SecretText | PairText | None]]:
        return [(i, self.drafts.get((section, i)) if item is None else item) for i, item in enumerate(items)]

    def owner(self, path: Path_) -> str:
        """What a problem at ``path`` is filed under: the type written there, or its place where there is none."""
        return owner(self.source.data, path)

    def holds(self, *path: str | int) -> bool:
        """Whether neither the value at ``path`` nor any within it was refused."""
        return not any(refused[:len(path)] == path[:len(refused)] for refused in self.refused)


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


def read(paths: Sequence[Path | str], *, memory: Memory | None = None) -> Loaded:
    """Read and check every file of ``paths`` (files, or folders of YAML files). Never raises for what rules say.

    ``memory`` spares reading texts as YAML that it was asked of before.

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
        raise RulesError([(f"{shown}: got no *.yaml file, expected at least one rule, do add a provider's file "
                          "(an empty rule set must not report that nothing was found)")])
    return check_sources([(str(f), _read_text(f)) for f in files], memory=memory)


def _read_text(path: Path) -> str | Problem:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "bytes that are not UTF-8"
        return Problem(str(path), 1, "file", str(reason), "a readable UTF-8 file", "check the file")


def check_sources(sources: Iterable[tuple[str, str | Problem]], *, memory: Memory | None = None) -> Loaded:
    """Check named texts as :func:`read` checks files."""
    memory = memory or Memory()
    problems: list[Problem] = []
    files: list[LoadedFile] = []
    unread: list[str | None] = []
    for name, text in sources:
        if isinstance(text, Problem):
            problems.append(text)
            unread.append(None)
            continue
        source, wrong = remembered_source(name, text, memory)
        problems += wrong
        checked, wrong = check_text(source) if source is not None else (None, [])
        problems += wrong
        if source is None or checked is None:
            unread.append(text)
            continue
        file = LoadedFile(source, checked.text, checked.drafts, checked.refused)
        if not file.secrets():
            unread.append(text)
        files.append(file)
        problems += _check_formats(file)
    problems += _check_together(files, _Unread(tuple(unread)))
    return Loaded(tuple(files), tuple(sorted(problems)))


@dataclass(frozen=True, slots=True)
class _Unread:
    """Texts whose secrets nobody could read (None where there is no text): what they may say is not called missing."""

    texts: tuple[str | None, ...]

    def may_have(self, secret_type: str) -> bool:
        word = re.compile(rf"\btype:\s*['\"]?{re.escape(secret_type)}\b")
        return any(text is None or word.search(text) for text in self.texts)


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


def _check_formats(file: LoadedFile) -> list[Problem]:
    problems: list[Problem] = []
    for i, secret in file.secrets():
        for k, fmt in enumerate(secret.formats):
            problems += _check_format(file, fmt, ("secrets", i, "formats", k))
    return problems


def _check_format(file: LoadedFile, fmt: FormatText, path: Path_) -> list[Problem]:
    """What is wrong with a format's values. A blank pattern is one whose form was refused; it is not judged again."""
    problems: list[Problem] = []

    def wrong(name: str, got: str, expected: str, do: str, index: int | None = None) -> None:
        at = (*path, name) if index is None else (*path, name, index)
        problems.append(Problem(file.source.name, file.source.line(at), file.owner(path), got, expected, do))

    # RE2 nearly always takes all three together, and then it takes each that our own parser does.
    together = _re2_refusal(f"(?:{fmt.before})({fmt.pattern})(?:{fmt.after})")
    named = [("pattern", fmt.pattern, None), ("before", fmt.before, None), ("after", fmt.after, None)]
    others = [("must_match", p, n) for n, p in enumerate(fmt.must_match)]
    others += [("must_not_match", p, n) for n, p in enumerate(fmt.must_not_match)]
    others += [("sample", fmt.sample, None)] if fmt.sample else []
    bad: set[str] = set()
    for name, expression, index in (*named, *others):
        alone = refusals(expression) if together or (name, expression, index) in others else _own_refusal(expression)
        if alone:  # the other engine's reason is the same cause in other words
            got, do = cause(*alone[0])
            bad.add(name)
            wrong(name, f"a {name} with {got}", "the subset of regular expressions that RE2 and Hyperscan share", do,
                  index)
    if "pattern" not in bad and fmt.pattern and lengths(parse(fmt.pattern))[0] < 4:
        wrong("pattern", "a pattern that matches fewer than 4 bytes", "a token of at least 4", "lengthen it")
    for name, expression in (("before", fmt.before), ("after", fmt.after)):
        if name not in bad and lengths(parse(expression))[1] > WIDEST_DELIMITER:
            bad.add(name)
            wrong(name, f"a {name} without a bound of {WIDEST_DELIMITER} bytes", "a bounded one",
                  "write {0,64} for * and {1,64} for +")
    if together and not bad & {"pattern", "before", "after"}:
        got, do = cause(*together[0])
        wrong("pattern", f"a pattern with {got} between its delimiters", "one that RE2 compiles with them", do)
    if fmt.checksum is not None and fmt.checksum not in CHECKSUMS:
        near = nearest(fmt.checksum, CHECKSUMS)
        wrong("checksum", f"checksum={fmt.checksum!r}", "one of " + ", ".join(sorted(CHECKSUMS)),
              f"write {near[0]}" if near else "name one of these")
    return problems


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The few of ``names`` that look most like ``name``, the likeliest first."""
    known = sorted(names)
    alike = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    return list(dict.fromkeys([*alike, *(n for n in known if name and name in n)]))[:3]


# What an engine's reason holds, what it is in plain words, and what helps. The first that fits is taken.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    ("got look-around", "look-around", "say it with before, after, must_match or must_not_match"),
    ("got a back-reference", "a back-reference", "write out what it stands for, without \\1"),
    ("got a conditional group", "a conditional group", "write its two cases as alternatives, with |"),
    ("got an atomic group", "an atomic group", "write a plain group, (?:…)"),
    ("got a possessive repeat", "a possessive repeat", "write the repeat without its last +"),
    ("POSIX class", "a POSIX class", "write its characters out, as A-Za-z for [:alpha:]"),
    ("ASCII", "characters that are not ASCII", "write other bytes as \\xNN inside a class"),
    ("option modifiers", "global option modifiers", "write (?i:…) round the part it is for"),
    ("unterminated character set", "an unterminated class", "close it with ]"),
    ("unterminated subpattern", "an unterminated group", "close it with ), or write \\( for the character"),
    ("unbalanced parenthesis", "a ) that closes nothing", "remove it, or write \\) for the character"),
    ("nothing to repeat", "a repeat of nothing", "put what it repeats before it, or a \\ for the character itself"),
    ("multiple repeat", "a repeat of a repeat", "put the inner one in a group, (?:…)"),
    ("bad repetition operator", "a repeat of a repeat", "put the inner one in a group, (?:…)"),
    ("min repeat greater", "a repeat whose least count is over its greatest", "write the smaller count first"),
    ("bad character range", "a range in a class whose ends are the wrong way round", "write the lower end first"),
    ("redefinition of group name", "two groups of one name", "write plain groups, (?:…)"),
    ("invalid repetition size", "repeats that come to more than RE2's limit of 1000",
     "shorten the repeat, or write two beside each other"),
    ("too large", "more repeats than an engine holds", "shorten or simplify its repeats"),
    ("Resource limit", "more repeats than an engine holds", "shorten or simplify its repeats"),
    ("end anchor", "an end of text that more follows", "leave $ and \\z out, or say it with after"),
    ("escape", "an escape that not every engine knows", "write the character or class it stands for"),
)


def cause(engine: str, reason: str) -> tuple[str, str]:
    """What is wrong with a pattern, in plain words, and what to do, from an engine's own reason."""
    for words, plain, do in _CAUSES:
        if words in reason:
            place = re.search(r" at position \d+", reason)
            return f"{plain}{place.group() if place else ''}", do
    return f"something {engine} refuses ({reason})", "rewrite it without that"


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


def _check_together(files: Sequence[LoadedFile], unread: _Unread) -> list[Problem]:
    problems: list[Problem] = []
    types: dict[str, SecretText] = {}
    names: dict[str, str] = {}
    first: list[tuple[LoadedFile, int, SecretText]] = []
    for file in files:
        for kind, items in (("secrets", file.secrets()), ("pairs", file.pairs())):
            for i, item in items:
                if not item.type:
                    continue  # its form was refused
                line = file.source.line((kind, i, "type"))
                if item.type in names:
                    problems.append(Problem(file.source.name, line, item.type, f"the type {item.type} a second time",
                                            f"it only at {names[item.type]}", "rename or merge one of them"))
                    continue
                names[item.type] = f"{file.source.name}:{line}"
                if isinstance(item, SecretText):
                    types[item.type] = item
                    first.append((file, i, item))
    parts: set[str] = set()
    for file in files:
        for i, pair in file.pairs():
            parts.update(pair.parts)
            problems += _check_pair(file, i, pair, types, unread)
    # A pair that could not be read may have named any of them, so that they need not be searchable by themselves.
    sure = not unread.texts and all(file.holds("pairs") for file in files)
    for file, i, secret in first:
        if sure or secret.type in parts:
            problems += _check_searchable(file, i, secret, secret.type in parts)
    return problems


def _check_pair(file: LoadedFile, i: int, pair: PairText, types: Mapping[str, SecretText],
                unread: _Unread) -> list[Problem]:
    problems: list[Problem] = []
    where = file.owner(("pairs", i))

    def wrong(path: Path_, got: str, expected: str, do: str) -> None:
        problems.append(Problem(file.source.name, file.source.line(("pairs", i, *path)), where, got, expected, do))

    known = [types[p] for p in pair.parts if p in types]
    for k, part in enumerate(pair.parts):
        if part and part in pair.parts[:k]:
            wrong(("parts", k), f"the part {part} twice", "different secret types", "remove or correct one of them")
        elif part and part not in types and not unread.may_have(part):
            near = nearest(part, types)
            wrong(("parts", k), f"the unknown part {part}", "a secret type of the loaded files",
                  f"correct the name{f' (there is {near[0]})' if near else ''} or load the file that has it")
    if len(known) == len(pair.parts) and file.holds("pairs", i, "parts") and not any(map(_may_be_searched, known)):
        wrong(("parts",), "parts of which none has a rare literal or keywords near it", "one that can be searched",
              "add near: keywords to the part that stands beside them")
    return problems


def _may_be_searched(secret: SecretText) -> bool:
    """Whether a format of it can be searched by itself, or might when its refused values are mended."""
    return not secret.formats or any(not f.pattern or searchable(f) for f in secret.formats)


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


def _check_searchable(file: LoadedFile, i: int, secret: SecretText, is_part: bool) -> list[Problem]:
    problems: list[Problem] = []
    if is_part:
        return problems
    for k, fmt in enumerate(secret.formats):
        if not all(file.holds("secrets", i, "formats", k, name) for name in ("pattern", "before", "near")):
            continue
        try:
            way = search_way(fmt, is_part=False)
        except PatternError:
            continue  # reported where the pattern is checked
        if way is None and fmt.pattern:
            line = file.source.line(("secrets", i, "formats", k, "pattern"))
            unbounded = lengths(parse(fmt.pattern))[1] >= UNBOUNDED
            problems.append(Problem(
                file.source.name, line, secret.type,
                "a format with no rare literal at a bounded distance from its start",
                "two or more fixed characters, keywords near it, or a pair it is a part of",
                "bound the repeats before its literal" if unbounded else "add near: {keywords: [...]}"))
    return problems
