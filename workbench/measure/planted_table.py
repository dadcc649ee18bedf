"""A planted table: a planted report as people read it in a terminal, the overall figures last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from workbench.measure.planted import Line, PlantedReport
from workbench.measure.rate import Rate

_WIDE = 34


def table(report: PlantedReport, *, mistakes: int = 20, all_types: bool = True) -> Iterator[str]:
    """Lines of text: types, pairs, arrangements, places, variants, hard negatives, mistakes, and the summary.

    At most ``mistakes`` mistakes are shown, one of each kind first. Without ``all_types`` a type or pair is left out when
    nothing is wrong with it.
    """
    yield from _lines("secret type", report.types, all_types)
    yield from _lines("pair", report.pairs, all_types)
    yield from _rates("recall by arrangement of pairs", report.arrangements)
    yield from _rates("recall by place", report.places)
    yield from _rates("recall by variant", report.variants)
    yield from _rates("recall by variant that is not counted", report.apart)
    yield from _rates("hard negatives without alert", report.negatives)
    yield from _confusions(report.confusions)
    yield from _mistakes(report, mistakes)
    yield from report.summary()


def _lines(head: str, lines: Sequence[Line], show_all: bool) -> Iterator[str]:
    shown = [x for x in lines if show_all or not _is_clean(x)]
    width = max([len(head), *(len(x.name) for x in shown)])
    yield f"{head:{width}}  {'recall':{_WIDE}}  {'precision':{_WIDE}}  over other types"
    for x in shown:
        yield f"{x.name:{width}}  {x.recall:{_WIDE}}  {x.precision:{_WIDE}}  {x.elsewhere or ''}".rstrip()
    if len(shown) < len(lines):
        yield f"({len(lines) - len(shown)} more without a mistake)"
    yield ""


def _is_clean(line: Line) -> bool:
    return line.recall.n > 0 and line.recall.k == line.recall.n and line.precision.k == line.precision.n


def _rates(head: str, rates: Mapping[str, Rate]) -> Iterator[str]:
    if not rates:
        return
    width = max(len(head), *(len(n) for n in rates))
    yield head
    for name, rate in rates.items():
        yield f"  {name:{width}}  {rate}"
    yield ""


def _confusions(confusions: Mapping[tuple[str, str], int]) -> Iterator[str]:
    if not confusions:
        return
    yield "alerts over tokens of another type (planted, reported)"
    for (planted, reported), count in list(confusions.items())[:20]:
        yield f"  {count:5}  {planted}, {reported}"
    if len(confusions) > 20:
        yield f"  ({len(confusions) - 20} more)"
    yield ""


def _mistakes(report: PlantedReport, most: int) -> Iterator[str]:
    rows = [r for r in report.mistakes.to_pylist() if r["counted"]]
    if not rows or most < 1:
        return
    first: dict[tuple, int] = {}
    for k, row in enumerate(rows):
        first.setdefault((row["outcome"], row["type"], row["why"]), k)
    order = [*first.values(), *(k for k in range(len(rows)) if k not in set(first.values()))]
    yield f"mistakes ({min(most, len(rows))} of {len(rows)})"
    for k in order[:most]:
        row = rows[k]
        yield (f"  {row['outcome']} {row['type'] or '-'} in {row['path']} [{row['start']}, {row['end']}) of {row['blob_id'][:12]}"
               f" ({row['why'] or 'no label'})")
        yield f"    {row['context']}"
    yield ""
