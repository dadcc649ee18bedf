"""A pair picture: the parts of one pair in one blob, their windows, and which belongs to which.

Distances are drawn by their logarithm, so that two parts on a line and a third a thousand lines below fit one picture;
what lies between neighbours is written there. Tokens are masked.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile

from workbench.model import mask_token
from workbench.rules.rule import Pair

MOST_PARTS = 60
_LONGEST = 17
_BOX, _HEIGHT, _ROW, _TOP, _LEFT = 118, 30, 46, 78, 14
_COLORS = ("#3567b0", "#b0692b", "#5b8c3a")
_LIMITS = {"bytes": "too far", "lines": "too far", "order": "wrong side", "overlap": "shared bytes", "taken": "taken",
           "incomplete": "incomplete"}


class _Axis:
    """Places of the blob on the picture: a box a part, and between two neighbours a stretch by their gap's
    logarithm."""

    def __init__(self, parts: Sequence[Mapping]) -> None:
        self.points: list[tuple[int, float]] = []
        self.boxes: list[tuple[float, float]] = []
        x, reach = float(_LEFT + 30), None
        for m in parts:
            if reach is not None:
                x += 26 + 6 * math.log2(1 + max(0, m["start"] - reach))
            self.boxes.append((x, x + _BOX))
            self.points += [(m["start"], x), (m["end"], x + _BOX)]
            x, reach = x + _BOX, m["end"] if reach is None else max(reach, m["end"])
        self.width = x + 30 + _LEFT

    def at(self, offset: int) -> float:
        """Where a byte offset stands; what is before the first part or behind the last is at the edge."""
        before, here = (0, float(_LEFT)), (self.points[-1][0] + 1, self.width - _LEFT)
        for point in self.points:
            if point[0] >= offset:
                here = point
                break
            before = point
        (a, x), (b, y) = before, here
        return x if b <= a else x + (y - x) * min(1.0, max(0.0, (offset - a) / (b - a)))


def draw(pair: Pair, row: Mapping, line_starts: Sequence[int]) -> str:
    """The picture as SVG; "" when the blob has no part of the pair.

    ``row`` is a row of ``schemas.SCAN_RESULTS`` as plain data, ``line_starts`` the offset of each line of its blob.
    """
    chosen = [k for k, m in enumerate(row["matches"]) if m["secret_type"] in pair.parts][:MOST_PARTS]
    if not chosen:
        return ""
    parts = [row["matches"][k] for k in chosen]
    place = {k: n for n, k in enumerate(chosen)}
    axis = _Axis(parts)
    rows = {name: _TOP + k * _ROW for k, name in enumerate(pair.parts)}
    height = _TOP + len(pair.parts) * _ROW + 46
    firsts = [m for m in parts if m["secret_type"] == pair.parts[0]]
    ink = 0.12 / max(2, len(firsts))  # where all windows lie on each other, boxes are still read
    body = [_window(pair, m, axis, rows[pair.parts[0]], line_starts, ink) for m in firsts]
    body += [_gap(a, b, axis, n, height) for n, (a, b) in enumerate(pairwise(parts))]
    joined = [tuple(place[k] for k in p["parts"]) for p in row["pairs"]
              if p["pair_type"] == pair.type and all(k in place for k in p["parts"])]
    tops = [rows[m["secret_type"]] for m in parts]
    body += [_arc(axis, tops, a, b) for members in joined for a, b in pairwise(members)]
    paired = {n for members in joined for n in members}
    body += [_box(m, axis, n, rows, pair, n in paired) for n, m in enumerate(parts)]
    misses = [
        n for n in row["near_misses"] if n["pair_type"] == pair.type and n["part"] in place and n["closest"] in place
    ]
    apart = {tuple(sorted((place[n["part"]], place[n["closest"]]))): _LIMITS.get(n["limit"], "") for n in misses}
    body += [_arc(axis, tops, a, b, failed=limit) for (a, b), limit in apart.items()]
    title = f"{pair.type}: window {pair.window}{', in the listed order' if pair.in_order else ''}"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{axis.width:.0f}" height="{height}" role="img" '
            f'viewBox="0 0 {axis.width:.0f} {height}" style="font:11px var(--jp-ui-font-family,system-ui,sans-serif);'
            f'max-width:none;color:var(--jp-ui-font-color1,#1b1f24)"><title>{_text(title)}</title>'
            f'<text x="{_LEFT}" y="14" fill="currentColor" font-weight="600">{_text(title)}</text>'
            f"{''.join(body)}</svg>")


def _shared(names: Sequence[str]) -> str:
    """The beginning that all names have in common, in whole words: what tells parts apart stands behind it."""
    words = [name.split("_")[:-1] for name in names]
    first = [w[0] for w in takewhile(lambda w: len(set(w)) == 1, zip(*words, strict=False))]
    return "".join(f"{w}_" for w in first)


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)


def _box(m: Mapping, axis: _Axis, n: int, rows: Mapping[str, float], pair: Pair, paired: bool) -> str:
    (left, right), y = axis.boxes[n], rows[m["secret_type"]]
    color = _COLORS[pair.parts.index(m["secret_type"])]
    name = m["secret_type"].removeprefix(_shared(pair.parts))
    name = name if len(name) <= _LONGEST else "…" + name[1 - _LONGEST :]
    style = f'fill="{color}" fill-opacity="{0.28 if paired else 0.06}" stroke="{color}"'
    dash = "" if paired else ' stroke-dasharray="4 3"'
    return (f'<rect x="{left:.1f}" y="{y}" width="{right - left:.1f}" height="{_HEIGHT}" rx="3" {style}{dash}/>'
            f'<text x="{left + 5:.1f}" y="{y + 12}" fill="currentColor">{_text(name)}</text>'
            f'<text x="{left + 5:.1f}" y="{y + 25}" fill="currentColor" font-family="monospace">'
            f'{_text(mask_token(m["token"]))}'
            f' <tspan opacity=".65">line {m["start_line"]}</tspan></text>')


def _gap(a: Mapping, b: Mapping, axis: _Axis, n: int, height: int) -> str:
    x = (axis.boxes[n][1] + axis.boxes[n + 1][0]) / 2
    gap, lines = b["start"] - a["end"], b["start_line"] - a["end_line"]
    words = ("overlap",) if gap < 0 else (f"{gap:,} B", f"{lines:,} line{'' if lines == 1 else 's'}")
    style = 'fill="currentColor" opacity=".65" text-anchor="middle"'
    return "".join(f'<text x="{x:.1f}" y="{height - 26 + 13 * k}" {style}>'
                   f"{_text(w)}</text>" for k, w in enumerate(words))


def _window(pair: Pair, m: Mapping, axis: _Axis, y: float, line_starts: Sequence[int], ink: float) -> str:
    """The reach of one first part, as a band."""
    size = pair.window.size
    if pair.window.unit == "file":
        low, high = 0.0 + _LEFT, axis.width - _LEFT
    elif pair.window.unit == "bytes":
        low, high = axis.at(m["start"] - size), axis.at(m["end"] + size)
    else:
        first = line_starts[max(0, m["start_line"] - 1 - size)]
        last = m["end_line"] + size
        low = axis.at(first)
        high = axis.at(line_starts[last]) if last < len(line_starts) else axis.width - _LEFT
    if pair.in_order:
        low = axis.at(m["start"])
    size = f'width="{max(2.0, high - low):.1f}" height="{_ROW * len(pair.parts) + 2}"'
    color = f'fill="{_COLORS[0]}" fill-opacity="{ink:.3f}" stroke="{_COLORS[0]}" stroke-opacity=".35"'
    return f'<rect x="{low:.1f}" y="{y - 6}" {size} rx="4" {color} stroke-dasharray="1 3"/>'


def _arc(axis: _Axis, tops: Sequence[float], a: int, b: int, *, failed: str = "") -> str:
    """A curve over two parts that pair; dashed, with the limit that ``failed``, over two that do not."""
    (x, y) = (sum(axis.boxes[a]) / 2, sum(axis.boxes[b]) / 2)
    high = _TOP - min(48.0, 16 + 7 * math.log2(1 + abs(x - y) / 60))
    color = "#c0392b" if failed else "#2e7d32"
    dash = ' stroke-dasharray="5 4" stroke-opacity=".8"' if failed else ""
    path = f"M{x:.1f} {tops[a]} C{x:.1f} {high:.1f} {y:.1f} {high:.1f} {y:.1f} {tops[b]}"
    label = f'<text x="{(x + y) / 2:.1f}" y="{high + 2:.1f}" text-anchor="middle" fill="{color}">{_text(failed)}</text>'
    return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="1.6"{dash}/>{label if failed else ""}'
