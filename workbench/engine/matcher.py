"""The matcher: from trigger hits in one blob to its confirmed matches.

Three passes, surest first: formats with a trigger, formats with keywords near, and parts that are searched only round
their partners' matches. Every pass ends in the same checks, so a match means the same whichever way it was found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.engine.base64text import EncodedHead, Run, run_round, whole_run
from workbench.engine.compiled import CompiledFormat, CompiledRules, Target, starts_plain
from workbench.engine.lines import Lines, around
from workbench.engine.pairing import Region, merged, neighbourhoods
from workbench.engine.trace import Stage, Trace
from workbench.rules.judge import compiled as compiled_pattern
from workbench.rules.rule import NEAR_LINE_BYTES, Window

_BASE64_RUN = compiled_pattern(r"[A-Za-z0-9+/]{8,}={0,2}")


@dataclass(slots=True)
class Match:
    """A confirmed span ``[start, end)`` of a secret type in one blob (bytes; lines and columns 1-based)."""

    secret_type: str
    format: int
    start: int
    end: int
    start_line: int
    start_column: int
    end_line: int
    token: bytes
    is_base64_encoded: bool = False
    alertable: bool = False

    def __repr__(self) -> str:  # the default would print the token
        return f"Match({self.secret_type}, [{self.start}, {self.end}), line {self.start_line})"


LEAST_WORK = 512 << 20
"""What confirming one blob may cost at least, in bytes read by RE2; it grows with the blob."""

_WORK_A_BYTE = 64
_WORK_A_CANDIDATE, _WORK_A_TOKEN_BYTE = 2_000, 20  # a candidate's checks, in the time RE2 takes for so many bytes


class TooMuchWork(Exception):
    """A blob with so many candidates that confirming them would not end; it is skipped and counted."""


class BlobMatcher:
    """The matches of one blob. ``blob`` is a view of its bytes; nothing here copies them.

    Every search is linear, but a hostile blob can ask for one at every byte: beyond a budget of work
    :class:`TooMuchWork` is raised.
    """

    def __init__(self, blob: memoryview, compiled: CompiledRules, trace: Trace | None) -> None:
        self._blob = blob
        self._compiled = compiled
        self._trace = trace
        # By (type, start, end, format): the decoded token of an encoded one, None of one that stands as it is.
        self._found: dict[tuple[str, int, int, int], bytes | None] = {}
        self._lines: Lines | None = None
        self._work_left = LEAST_WORK + _WORK_A_BYTE * len(blob)

    def _spend(self, work: int) -> None:
        self._work_left -= work
        if self._work_left < 0:
            raise TooMuchWork

    @property
    def lines(self) -> Lines:
        if self._lines is None:
            self._lines = Lines(self._blob)
        return self._lines

    def matches(self, hits: Iterable[tuple[int, int]]) -> list[Match]:
        """Matches of the blob, sorted by span, from its hits: (trigger number, end offset in the blob)."""
        keywords: dict[int, list[tuple[int, int]]] = {}
        for trigger, end in hits:
            length = int(self._compiled.trigger_lengths[trigger])
            for target in self._compiled.targets[trigger]:
                if target.is_keyword:
                    keywords.setdefault(target.format, []).append((end - length, end))
                elif target.encoded is not None:
                    self._confirm_encoded(self._compiled.formats[target.format], target.encoded, end - length)
                else:
                    self._confirm(self._compiled.formats[target.format], target, end, length)
        for number, spans in keywords.items():
            fmt = self._compiled.formats[number]
            self._search(fmt, merged([self._near(fmt, start, end) for start, end in spans]))
        sure = self._resolve()
        if not sure or not self._compiled.partner_formats:
            return sorted(sure, key=_by_place)
        return sorted(sure + self._partners(sure), key=_by_place)

    # -- pass 1: a trigger says where a token may start ---------------------------------------------------------------

    def _confirm(self, fmt: CompiledFormat, target: Target, end: int, length: int) -> None:
        self._note(fmt, "trigger", end - length, end)
        blob = self._blob
        if fmt.plain_before and target.back_least == target.back_most:
            start = end - target.back_most
            if start < 0 or not starts_plain(blob, start):
                self._note(fmt, "before", max(0, start), end)
                return
            found = fmt.here.match(blob, start, min(len(blob), start + fmt.reach))
            if found is None:
                self._note_no_pattern(fmt, start, end)
                return
            self._judge(fmt, *found.span(1))
            return
        if target.back_least == target.back_most:
            self._try_place(fmt, end - target.back_most, end)
            return
        latest = end - target.back_least + fmt.lead
        first, stop = max(0, end - target.back_most - 1), min(len(blob), latest + fmt.reach + 1)
        if fmt.plain_before and fmt.head:
            if not self._try_heads(fmt, first, latest):
                self._note(fmt, "pattern", first, end)
            return
        if not self._sweep(fmt, first, stop, latest):
            self._note(fmt, "pattern", first, end)

    def _try_place(self, fmt: CompiledFormat, place: int, end: int) -> None:
        """Judge the candidate that starts at ``place``: with its `before` where distances are counted over that, else with
        its token, which a byte may stand before that is part of `before`."""
        blob = self._blob
        for first in (place,) if fmt.lead else (place - 1, place):
            if first < 0:
                continue
            stop = min(len(blob), first + fmt.reach + 1)
            found = fmt.whole.match(blob, first, stop)
            self._spend((stop if found is None else found.end()) - first)
            if found is not None and (fmt.lead or found.start(fmt.group) == place):
                self._judge(fmt, *found.span(fmt.group))
                return
        self._note(fmt, "pattern", max(0, place), end)

    def _try_heads(self, fmt: CompiledFormat, first: int, latest: int) -> bool:
        """As :meth:`_sweep`, for tokens that all start with the same bytes: only where those stand a match is tried.

        Anchored programs stay fast where a search must keep count of every place at which a match may have begun.
        """
        text, head = bytes(self._blob[first : latest + len(fmt.head)]), fmt.head
        self._spend(len(text))
        seen = False
        at = text.find(head)
        while at >= 0:
            start, at = first + at, text.find(head, at + 1)
            if not starts_plain(self._blob, start):
                continue
            stop = min(len(self._blob), start + fmt.reach)
            found = fmt.here.match(self._blob, start, stop)
            self._spend((stop if found is None else found.end()) - start)
            if found is None:
                continue
            seen = True
            if self._judge(fmt, *found.span(1)):
                at = text.find(head, found.end(1) + 1 - first)
        return seen

    def _sweep(self, fmt: CompiledFormat, position: int, stop: int, latest: int, *, ends_after: int = 0,
               claimed: list[Match] | None = None) -> bool:
        """Judge every candidate between ``position`` and ``stop`` whose token starts at ``latest`` or before.

        After a candidate that the checks refuse the search goes on one byte past its start, so that it never hides one
        that overlaps it. Says whether there was any candidate.
        """
        seen = False
        while position <= stop:
            found = fmt.whole.search(self._blob, position, stop)
            self._spend((stop if found is None else found.end()) - position)
            if found is None:
                return seen
            start, end = found.span(fmt.group)
            if start > latest:
                return seen
            position = found.start() + 1
            if end < ends_after:
                continue
            seen = True
            if claimed and any(m.start < end and start < m.end for m in claimed):
                self._note(fmt, "claimed", start, end)
            elif self._judge(fmt, start, end):
                position = max(position, end)
        return seen

    def _confirm_encoded(self, fmt: CompiledFormat, head: EncodedHead, trigger_start: int) -> None:
        """Confirm a format in the decoded run of base64 round its encoded head."""
        self._note(fmt, "trigger", trigger_start, trigger_start + len(head.characters))
        run, at = run_round(self._blob, trigger_start, head)
        self._spend(_WORK_A_CANDIDATE + _WORK_A_TOKEN_BYTE * len(run.text))
        if at >= 0:
            self._judge_decoded(fmt, run, at)

    def _judge_decoded(self, fmt: CompiledFormat, run: Run, at: int) -> None:
        text = memoryview(run.text)
        found = fmt.whole.search(text, max(0, at - 1), min(len(text), at + fmt.reach))
        if found is None or found.start(fmt.group) != at:
            return
        start, end = run.span(*found.span(fmt.group))
        self._judge(fmt, start, end, decoded=bytes(text[slice(*found.span(fmt.group))]))

    # -- passes 2 and 3: a region is searched whole --------------------------------------------------------------------

    def _search(self, fmt: CompiledFormat, regions: Iterable[Region], claimed: list[Match] | None = None) -> None:
        for low, high in regions:
            first, stop = max(0, low - fmt.reach), min(len(self._blob), high + fmt.reach)
            self._sweep(fmt, first, stop, high, ends_after=low, claimed=claimed)

    def _partners(self, sure: list[Match]) -> list[Match]:
        """Matches of parts that have no literal of their own, searched in the window round their partners."""
        self._found.clear()
        by_type: dict[str, list[Match]] = {}
        for match in sure:
            by_type.setdefault(match.secret_type, []).append(match)
        for secret_type, formats in self._compiled.partner_formats.items():
            rule = self._compiled.rule_of[secret_type]
            grown: list[Region] = []
            for pair in self._compiled.pairs:
                if secret_type not in pair.parts:
                    continue
                beside = [m for part in pair.parts if part != secret_type for m in by_type.get(part, ())]
                if beside:
                    grown += self._grown([(m.start, m.end) for m in beside], pair.window)
            if not grown:
                continue
            regions = sorted((i.begin, i.end) for i in neighbourhoods(grown))
            claimed = [m for m in sure if self._compiled.rule_of[m.secret_type] == rule]
            for fmt in formats:
                self._search(fmt, regions, claimed)
                if secret_type in self._compiled.base64_types and any(m.is_base64_encoded for m in claimed):
                    self._search_encoded(fmt, regions, claimed)
        return self._resolve()

    def _search_encoded(self, fmt: CompiledFormat, regions: Iterable[Region], claimed: list[Match]) -> None:
        """A part whose partner stands encoded may stand encoded too: in a run of base64 of its own, or in its partner's,
        as a whole credentials file is encoded."""
        for low, high in regions:
            position, stop = max(0, low - fmt.reach), min(len(self._blob), high + 2 * fmt.reach)
            while (found := _BASE64_RUN.search(self._blob, position, stop)) is not None:
                start, end = found.span()
                if start > high:
                    break
                position = end
                if end >= low:
                    self._judge_run(fmt, self._run(start, end, claimed), claimed)

    def _run(self, start: int, end: int, claimed: list[Match]) -> Run:
        """The run of base64 ``[start, end)`` decoded: from its first character, or as a partner in it was."""
        run = whole_run(self._blob, start, end)
        inside = next((m.token for m in claimed if m.is_base64_encoded and start <= m.start < end), None)
        if inside is not None and inside not in run.text:
            shifted = (whole_run(self._blob, start + k, end) for k in range(1, 4))
            run = next((r for r in shifted if inside in r.text), run)
        return run

    def _judge_run(self, fmt: CompiledFormat, run: Run, claimed: list[Match]) -> None:
        text, position = memoryview(run.text), 0
        while (found := fmt.whole.search(text, position, len(text))) is not None:
            self._spend(_WORK_A_CANDIDATE + found.end() - position)
            first, last = found.span(fmt.group)
            start, end = run.span(first, last)
            position = found.start() + 1
            if any(m.start < end and start < m.end for m in claimed):
                self._note(fmt, "claimed", start, end)
            elif self._judge(fmt, start, end, decoded=bytes(text[first:last])):
                position = max(position, last)
        self._spend(len(text) - position)

    def _grown(self, spans: list[tuple[int, int]], window: Window) -> list[Region]:
        """The spans grown by a window: the first byte where a partner may end and the last where one may start."""
        size = len(self._blob)
        if window.unit == "file":
            return [(0, size)]
        if window.unit == "bytes":
            return [(max(start - window.size, 0), min(end + window.size, size)) for start, end in spans]
        grown = (self.lines.around(self.lines.line(start), self.lines.line(end - 1), window.size) for start, end in spans)
        return [(low, high - 1) for low, high in grown]

    def _near(self, fmt: CompiledFormat, start: int, end: int) -> Region:
        """What lies near a keyword, or a token, at ``[start, end)``: its first byte, and one past its last."""
        window = fmt.near_window
        if window.unit == "lines":
            return around(self._blob, start, end, window.size, NEAR_LINE_BYTES)
        reach = len(self._blob) if window.unit == "file" else window.size
        return max(0, start - reach), min(len(self._blob), end + reach)

    # -- checks --------------------------------------------------------------------------------------------------------

    def _judge(self, fmt: CompiledFormat, start: int, end: int, *, decoded: bytes | None = None) -> bool:
        """Keep the candidate if every check of its format holds; ``decoded`` is the token of an encoded one."""
        self._spend(_WORK_A_CANDIDATE + _WORK_A_TOKEN_BYTE * (end - start))
        key = fmt.secret_type, start, end, fmt.index
        if key in self._found:
            return True
        stage = fmt.refusal(decoded or bytes(self._blob[start:end]))
        if stage is None and fmt.near is not None and not self._is_near(fmt, start, end):
            stage = "near"
        if stage is None and self._compiled.is_foreign(fmt, decoded or bytes(self._blob[start:end])):
            stage = "foreign"
        if stage is not None:
            self._note(fmt, stage, start, end)  # type: ignore[arg-type]
            return False
        self._found[key] = decoded
        return True

    def _is_near(self, fmt: CompiledFormat, start: int, end: int) -> bool:
        """Whether a keyword stands, whole, in the window before the token or after it; inside it does not count, and none
        counts for a token whose own statement names another provider."""
        low, high = self._near(fmt, start, end)
        assert fmt.near is not None
        if fmt.near.search(self._blob, low, start) is None and fmt.near.search(self._blob, end, high) is None:
            return False
        provider = self._compiled.provider_of[fmt.secret_type]
        return not self._compiled.names.someone_elses(self._blob, start, provider, fmt.near)

    def _resolve(self) -> list[Match]:
        """Found candidates with no two of one type sharing bytes: the earlier, then the longer, is kept."""
        kept: list[Match] = []
        last_end: dict[str, int] = {}
        formats = {(f.secret_type, f.index): f for f in self._compiled.formats} if self._trace else {}
        for secret_type, start, end, index in sorted(self._found, key=lambda k: (k[1], -k[2], k[0], k[3])):
            stage: Stage = "overlap" if start < last_end.get(secret_type, 0) else "match"
            if self._trace:
                self._note(formats[secret_type, index], stage, start, end)
            if stage == "overlap":
                continue
            last_end[secret_type] = end
            line, column = self.lines.place(start)
            decoded = self._found[secret_type, start, end, index]
            kept.append(Match(secret_type, index, start, end, line, column, self.lines.line(end - 1),
                              decoded or bytes(self._blob[start:end]), is_base64_encoded=decoded is not None))
        return kept

    # -- trace ---------------------------------------------------------------------------------------------------------

    def _note(self, fmt: CompiledFormat, stage: Stage, start: int, end: int) -> None:
        if self._trace is not None:
            self._trace.add(fmt.secret_type, fmt.index, stage, start, end)

    def _note_no_pattern(self, fmt: CompiledFormat, start: int, end: int) -> None:
        """Tell a token that goes wrong from one that goes on too long."""
        if self._trace is None:
            return
        alone = compiled_pattern(fmt.format.pattern).match(self._blob, start, min(len(self._blob), start + fmt.reach))
        self._note(fmt, "pattern" if alone is None else "after", start, end if alone is None else alone.end())


def _by_place(match: Match) -> tuple[int, int, str, int]:
    return match.start, match.end, match.secret_type, match.format
