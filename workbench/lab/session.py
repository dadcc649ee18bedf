"""A session: one author, one corpus, one set of rules, and every question that makes a rule good.

Edits stay in memory until :meth:`Session.save`. A question scans only the rules it is about, and not again what has not
changed since. An interrupted question leaves the session as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from workbench.charts import prepare
from workbench.corpora.reader import Corpus, check_blob_id
from workbench.errors import UsageError
from workbench.lab import compare as comparing
from workbench.lab import dryrun, tables
from workbench.lab import overview as overviews
from workbench.lab import why as explaining
from workbench.lab.candidates import Candidates
from workbench.lab.differences import Differences
from workbench.lab.edit import Edit
from workbench.lab.editing import new_entry, new_pair, tests_beside
from workbench.lab.engines import Engines
from workbench.lab.frames import Flat, flatten, matches_frame, near_misses_frame, pairs_frame
from workbench.lab.gaps import at_file
from workbench.lab.holdings import Holdings
from workbench.lab.masking import Masker
from workbench.lab.places import Places
from workbench.lab.rulefiles import RuleFiles
from workbench.lab.scanning import CorpusScan, LabScan, check_there
from workbench.lab.specimens import MatchKey, Specimens
from workbench.lab.suggestion import Suggestion, suggest
from workbench.lab.sweep import Sweep
from workbench.lab.tables import Results
from workbench.lab.truth import PairTruth, planted_pairs
from workbench.lab.warm import shared
from workbench.model import Secret
from workbench.rules import cached
from workbench.rules.rule import RuleSet, build
from workbench.shipped import rules_folder


class Session:
    """Opens a corpus with rules. ``corpus`` is a folder or an open corpus; ``rules`` are files or folders, by default
    the shipped ones. ``threads`` 0 is one a core; ``progress`` draws a bar (None: where standard error is a terminal).

    Raises CorpusError, or RulesError with every problem of the rules. Of a large rule set those come with the first
    question that needs all of it.
    """

    def __init__(self, corpus: Corpus | Path | str, *, rules: Path | str | Sequence[Path | str] | None = None,
                 threads: int = 0, progress: bool | None = None) -> None:
        self.corpus = corpus if isinstance(corpus, Corpus) else Corpus.open(corpus)
        given = [rules_folder()] if rules is None else [rules] if isinstance(rules, Path | str) else list(rules)
        self.files = RuleFiles(given)
        self.places = Places(self.corpus)
        self._engines = Engines(self.files)
        self._candidates = Candidates(self.corpus)
        self._warm = shared(self.corpus)
        self._threads, self._progress = threads, progress
        self._holdings = Holdings()

    # -- what there is -------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> RuleSet:
        """All rules, with the edits."""
        return self.files.whole()

    def masker(self) -> Masker:
        """Knows the tokens of all rules, edited or not, and of the shipped ones: for whoever shows parts of blobs."""
        return self._engines.masker()

    def overview(self, by: overviews.By = "path_class") -> Results:
        """What the corpus holds by ``repository``, ``path_class``, ``language`` or ``source``: blobs and locations."""
        check_there(self.corpus)
        return overviews.of_corpus(self.corpus, by)

    def scan(self, *names: str) -> Session:
        """Scan the corpus with the rules of these secret types or pairs, or with all; what was scanned already with the
        same rules is not scanned again. Returns the session, which then shows what it holds.

        Raises CorpusError when the corpus is gone, UsageError for an unknown name.
        """
        self._found(names)
        return self

    def matches(self, *names: str) -> Results:
        """Every match of these secret types (or of the parts of these pairs, or of all rules): a row a match, tokens
        masked.

        ``type``, ``format``, ``secret``, ``shape``, ``finding`` (equal secrets have equal numbers), ``line``,
        ``column``, ``context``, ``repository``, ``path``, ``path_class``, ``places``, ``alertable``, ``blob_id``,
        ``start``, ``end``.
        """
        flat, contexts, rules = self._found(names)
        frame = matches_frame(flat, rules, contexts, self.places)
        wanted = {t for n in names for t in (rules.pairs[n].parts if n in rules.pairs else [n])}
        return self._captioned(frame[frame["type"].isin(wanted)].reset_index(drop=True) if names else frame, "matches")

    def pairs(self, *names: str) -> Results:
        """Every pair of these pair types, or of all rules: masked secrets, gaps, contexts, place."""
        flat, contexts, _ = self._found(names)
        return self._captioned(_of(pairs_frame(flat, contexts, self.places), names), "pairs")

    def near_misses(self, *names: str) -> Results:
        """Every part that did not pair, with the limit that failed and by how much."""
        flat, contexts, rules = self._found(names)
        return self._captioned(_of(near_misses_frame(flat, rules, contexts, self.places), names), "near misses")

    def counts(self, *names: str) -> Results:
        """What was found, a row a secret type and pair type: distinct ``secrets``, ``matches``, ``repositories``."""
        return overviews.of_matches(self.matches(*names), self.pairs(*names))

    def found(self, *names: str) -> Flat:
        """What :meth:`matches` and the others show, raw: for the triage of findings, never for display."""
        return self._found(names)[0]

    # -- one rule ------------------------------------------------------------------------------------------------------

    def dry_run(self, name: str) -> dryrun.DryRun:
        """Run one rule, as edited, over the corpus: no alert is made. See :class:`workbench.lab.dryrun.DryRun`."""
        rules = self.files.rule(name)
        specimens = Specimens(self.masker)
        scan = self._run([rules], specimens.look)[0]
        rule, edited = next(iter(rules.rules)), self.files.is_edited(name)
        return dryrun.dry_run(rule, scan, specimens.contexts, self.places, edited=edited)

    def compare(self, name: str | None = None) -> comparing.Comparison:
        """The rule of ``name`` (by default the one edited) before and after its edits, in one pass over the corpus.

        A new rule is compared with what it was when it was first added. Raises UsageError when nothing or more than
        one rule was edited and no name says which.
        """
        chosen = name or self._edited()
        return self.compare_sets(self.files.before(chosen), self.files.rule(chosen))

    def compare_files(self, after: Path | str | Sequence[Path | str], name: str | None = None) -> comparing.Comparison:
        """This session's rules against those of other files: the rule of ``name``, or every rule that both have and
        that finds other things. Raises UsageError when there is none."""
        others = cached.load([after] if isinstance(after, Path | str) else list(after))
        return self.compare_sets(*comparing.to_compare(self.rules, others, name))

    def compare_sets(self, before: RuleSet, after: RuleSet) -> comparing.Comparison:
        """As :meth:`compare`, of any two rule sets."""
        engines = self._engines.of(before), self._engines.of(after)
        differences = Differences(*engines, self.masker)
        old, new = self._run([before, after], differences.look)
        return comparing.compare(old, new, differences, self.places)

    def sweep(self, name: str, *, store: Path | str | None = None, truth: PairTruth | None = None) -> Sweep:
        """Every window of a pair from one scan; see :class:`workbench.lab.sweep.Sweep`.

        Where the corpus carries labels, ``store`` holds verdicts given in triage, or ``truth`` is given, with precision
        and recall. Raises UsageError for what is no pair, or when none of its pairs was judged in ``store``.
        """
        rules = self.files.rule(name)
        if name not in rules.pairs:
            options = ", ".join(rules.pairs) or "none in its rule"
            raise UsageError(f"Expected a pair but got {name!r}, a secret type; pairs: {options}")
        prepare()  # a sweep is shown as a chart
        specimens = Specimens(self.masker, most=4_000)
        scan = self._run([at_file(rules, name)], specimens.look)[0]
        known = truth or planted_pairs(self.corpus, name)
        sweep = Sweep(rules.pairs[name], scan, flatten(scan.results), specimens.contexts, self.places, truth=known)
        if store is None:
            return sweep
        from workbench.lab.judged import judged  # the store's database is slow to import, and few sessions have one

        return judged(sweep, store)

    def why(self, text: str | bytes, *names: str) -> explaining.Why:
        """What becomes of every candidate in a text, or in the blob of the corpus with that id; pairs are drawn.

        With ``names``, only those secret types or pairs are considered, and what their triggers lack is said too.
        """
        content, title = self._content(text)
        rules = self._together(names) if names else self.rules
        return explaining.why(content, self._engines.of(rules), self.masker(), names=names, title=title)

    def explain(self, match: explaining.Row) -> explaining.Why:
        """Why one row of :meth:`matches`, :meth:`pairs`, :meth:`near_misses` or of a comparison is what it is: the
        lines round it, what became of the candidates of its type there, and how its pair was made."""
        asked = explaining.asked(match)
        content, rules = self._blob(asked.blob_id), self.files.rule(asked.name)
        return explaining.why(content, self._engines.of(rules), self.masker(), names=[asked.name], title=asked.where,
                              spans=asked.spans)

    # -- edits ---------------------------------------------------------------------------------------------------------

    def edit(self, slug: str, /, *, format: int | str | None = None, **fields: Any) -> Edit:
        """Change fields of a secret type, of one of its formats, or of a pair; None takes a field away.

        ``edit("acme_token", pattern=r"acme_[a-z]{40}")``, ``edit("acme_pair", window="5 lines")``. Fields are those of
        a rules file. Without fields it shows how the rule stands. Nothing changes when it raises: UsageError, or
        RulesError that says where a pattern does not compile.
        """
        difference = self.files.edit(slug, fields, format=format) if fields else ""
        return self._shown(slug, difference)

    def suggest(self, samples: Sequence[Secret | bytes | str]) -> Suggestion:
        """A pattern, and a checksum, that sample tokens have in common; see :mod:`workbench.lab.suggestion`."""
        return suggest(samples)

    def add(self, slug: str, /, *, provider: str, file: Path | str | None = None, pair: str | None = None,
            pair_with: str | None = None, **fields: Any) -> Edit:
        """Add a secret type (``pattern=…`` or ``formats=[…]``) or a pair (``parts=[…]``); tests are added if none are
        given. What this session added before under that name is replaced.

        With ``pair`` and ``pair_with``, the type is added together with a pair of that name: a part without a literal
        of its own is found only beside its partner. It goes into the provider's file, which is made beside the others
        if there is none, or into ``file``. Fields are those of a rules file. Nothing changes when it raises UsageError
        or RulesError.
        """
        if (pair is None) != (pair_with is None):
            raise UsageError(
                "Expected pair=… (the new pair's name) together with pair_with=… (its other part) but got one"
            )
        if pair_with is not None:
            fields = {"tests": tests_beside(pair_with), **fields}
        entries = [new_entry(slug, fields)]
        if pair is not None and pair_with is not None:
            entries.append(("pairs", new_pair(pair, slug, pair_with)))
        return self._shown(slug, self.files.add(entries, provider=provider, file=file))

    def revert(self, name: str | None = None) -> list[str]:
        """Take back the edits in the file of ``name``, or all; returns the names of the files."""
        return self.files.revert(name)

    def save(self, to: Path | str | None = None, *, replace: bool = False) -> list[Path]:
        """Write the edited files, once lint has no error and every test of theirs passes; returns where they are.

        ``to`` is another folder; with ``replace``, files of the same names that hold other rules there are lost. Raises
        RulesError with everything that is wrong and writes nothing then, UsageError for a file that someone else
        changed meanwhile, or that is in the way.
        """
        return self.files.save(to, replace=replace)

    # -- what is shown -------------------------------------------------------------------------------------------------

    def facts(self) -> list[tuple[str, str]]:
        """The session in a few lines: (name, value)."""
        m, where = self.corpus.manifest, ", ".join(p.name for p in self.files.paths)
        return [("corpus", f"{m.name}: {m.blobs:,} blobs, {m.content_bytes / 1e6:,.1f} MB, {m.locations:,} locations"),
                ("rules", f"{len(self.files.names()):,} secret types and pairs in {where}"),
                ("edited", ", ".join(self.files.changed()) or "none"), *self._holdings.facts()]

    def __repr__(self) -> str:
        return "\n".join(f"{name:<9} {value}" for name, value in self.facts())

    def _repr_html_(self) -> str:
        return tables.page(tables.facts(self.facts()))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    # -- inside --------------------------------------------------------------------------------------------------------

    def _together(self, names: Sequence[str]) -> RuleSet:
        """The rules of several names, as one set."""
        sets = [self.files.rule(n) for n in names]
        types = {s.type: s for r in sets for s in r.secret_types.values()}
        pairs = {p.type: p for r in sets for p in r.pairs.values()}
        together = build(types.values(), pairs.values())
        return replace(together, providers=frozenset().union(*(r.providers for r in sets)),
                       heads=frozenset().union(*(r.heads for r in sets)))

    def _edited(self) -> str:
        changed = self.files.changed()
        rules = {next(iter(self.files.rule(n).rules)) for n in changed}
        if len(rules) != 1:
            got = ", ".join(sorted(rules)) or "none"
            raise UsageError(f"Expected one edited rule but got {got}; name the one to compare")
        return changed[0]

    def _run(self, sets: Sequence[RuleSet], look: Any) -> list[LabScan]:
        engines = [self._engines.of(r) for r in sets]
        return CorpusScan(self.corpus, engines, look=look, threads=self._threads,
                          candidates=self._candidates, warm=self._warm).run(progress=self._progress)

    def _scan_all(self, rules: RuleSet) -> tuple[LabScan, Mapping[MatchKey, str]]:
        specimens = Specimens(lambda: self.masker().without(self._engines.of(rules)), most=None)
        return self._run([rules], specimens.look)[0], specimens.contexts

    def _found(self, names: Sequence[str]) -> tuple[Flat, dict[MatchKey, str], RuleSet]:
        rules = self._together(names) if names else self.rules
        return *self._holdings.found(rules, self._scan_all), rules

    def _captioned(self, frame: Results, what: str) -> Results:
        frame.caption = f"{len(frame):,} {what}"
        return frame

    def _shown(self, name: str, difference: str) -> Edit:
        problems = self.files.problems(name)
        failed = any(p.severity == "error" for p in problems)
        return Edit(name, difference, tuple(problems), None if failed else self.files.tests([name]))

    def _content(self, text: str | bytes) -> tuple[bytes, str]:
        if isinstance(text, str) and len(text) == 40 and set(text) <= set("0123456789abcdef"):
            return self._blob(text), f"blob {text}"
        return (text.encode() if isinstance(text, str) else text), ""

    def _blob(self, blob_id: str) -> bytes:
        check_blob_id(blob_id)
        check_there(self.corpus)
        return self.corpus.blob(blob_id)


def _of(frame: Results, names: Sequence[str]) -> Results:
    chosen = frame[frame["type"].isin(names)] if names and frame["type"].isin(names).any() else frame
    return chosen.reset_index(drop=True)

