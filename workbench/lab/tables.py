"""A results table is a pandas DataFrame, backed by Arrow, that shows itself well in a notebook.

It holds masked tokens only. However long it is, a notebook gets its first rows and their number; the match is
highlighted in its context. Nothing it shows needs a network or a script, unless :meth:`Results.browse` is asked for.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa

from workbench.lab.masking import CLOSE, OPEN

SHOWN_ROWS = 20
_SHOWN_CHARACTERS = 240
_HIDDEN = frozenset({"column", "start", "end", "starts", "ends", "end_line", "url", "blob_id", "format_index"})
"""Columns that programs need and people do not; they are in the frame all the same."""

STYLE = """<style>
.wb{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;color:var(--jp-ui-font-color1,#1b1f24)}
.wb.wb table{border-collapse:collapse;margin:4px 0 8px;font-size:inherit;color:inherit}
.wb.wb th,.wb.wb td{text-align:left;vertical-align:top;padding:3px 10px 3px 0;border-bottom:1px solid var(--jp-border-color2,#d0d7de);
max-width:60em;font-weight:normal}
.wb.wb thead th{color:var(--jp-ui-font-color2,#57606a);border-bottom-width:2px}
.wb.wb td.c{min-width:26em}
.wb.wb td.p{min-width:14em}
.wb td.s code{white-space:nowrap}
.wb.wb td.n{text-align:right;font-variant-numeric:tabular-nums}
.wb.wb code{font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:12px;background:none;
color:inherit;white-space:pre-wrap;overflow-wrap:anywhere}
.wb.wb mark{background:#ffd33d;color:#1b1f24;border-radius:2px;padding:0 2px}
.wb.wb .note{color:var(--jp-ui-font-color2,#57606a);margin:2px 0}
.wb.wb .warn{border-left:3px solid #bf8700;padding-left:8px;margin:4px 0}
.wb.wb .bad{border-left:3px solid #cf222e;padding-left:8px;margin:4px 0}
.wb.wb h4{margin:8px 0 2px;font-size:13px}
</style>"""
"""``.wb.wb`` outweighs JupyterLab's own rules for tables in outputs, which set everything to the right."""

_BROWSER_STYLE = """<style>.dt-container.dt-container{background:transparent;color:inherit}
.dt-container.dt-container :is(select,input,button){background:var(--jp-layout-color1,Canvas);color:inherit!important}
.dt-container.dt-container :is(th,td){text-align:left}</style>"""
"""The table's own style knows the system's dark mode and not JupyterLab's: its frame would stay white."""


class Results(pd.DataFrame):
    """A DataFrame of the lab. Slices of it are shown the same way; ``caption`` stands above it."""

    _metadata: ClassVar[list[str]] = ["caption"]
    caption: str = ""

    @property
    def _constructor(self) -> type[Results]:
        return Results

    def _repr_html_(self) -> str:
        return page(self.html())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def html(self, *, rows: int = SHOWN_ROWS) -> str:
        """The first ``rows`` as an HTML table without its style."""
        shown = [c for c in self.columns if c not in _HIDDEN]
        numeric = {c for c in shown if pd.api.types.is_numeric_dtype(self[c].dtype)}
        first = self[shown].head(rows)
        head = "".join(f"<th>{_text(c)}</th>" for c in shown)
        body = "".join("<tr>" + "".join(_cell(c, v, c in numeric) for c, v in zip(shown, row, strict=True)) + "</tr>"
                       for row in first.itertuples(index=False, name=None))
        more = f'<p class="note">{rows} of {len(self):,} rows</p>' if len(self) > rows else ""
        caption = f"<h4>{_text(self.caption)}</h4>" if self.caption else ""
        empty = '<p class="note">no rows</p>' if not len(self) else ""
        return f"{caption}<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{empty}{more}"

    def browse(self) -> Browser:
        """All rows with search, sorting and pages: a table that brings its script along and fetches nothing."""
        return Browser(self)


class Browser:
    """A searchable table; needs the optional script of itables, which is embedded in the output."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame

    def __repr__(self) -> str:
        return repr(self._frame)

    def _repr_html_(self) -> str:
        from itables import options, to_html_datatable
        from itables.javascript import generate_init_offline_itables_html

        plain = pd.DataFrame(self._frame[[c for c in self._frame.columns if c not in _HIDDEN]])
        body = to_html_datatable(
            plain, connected=False, allow_html=False, maxBytes="2MB", display_logo_when_loading=False
        )
        return generate_init_offline_itables_html(options.dt_bundle) + _BROWSER_STYLE + body


def results(table: pa.Table | Mapping[str, Any] | Sequence[Mapping[str, Any]], *, schema: pa.Schema | None = None,
            caption: str = "") -> Results:
    """An Arrow table, columns, or rows as a :class:`Results` with Arrow dtypes."""
    if not isinstance(table, pa.Table):
        table = (
            pa.table(dict(table)) if isinstance(table, Mapping) else pa.Table.from_pylist(list(table), schema=schema)
        )
    frame = Results(table.to_pandas(types_mapper=pd.ArrowDtype))
    frame.caption = caption
    return frame


def page(*parts: str) -> str:
    """Parts of HTML as one output of a cell."""
    return f'{STYLE}<div class="wb">{"".join(parts)}</div>'


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values as a two-column HTML table."""
    body = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows)
    return f"<table><tbody>{body}</tbody></table>"


def note(text: str, *, kind: str = "note") -> str:
    """A paragraph; ``kind`` is note, warn or bad."""
    return f'<p class="{kind}">{_text(text)}</p>'


def code(text: str) -> str:
    """Preformatted text."""
    return f"<pre><code>{_text(text)}</code></pre>"


def _text(value: object) -> str:
    """A value's text, safe in HTML."""
    return html.escape(str(value), quote=True)


def _cell(column: str, value: object, is_number: bool) -> str:
    if isinstance(value, list) or hasattr(value, "tolist"):
        value = ", ".join(str(v) for v in value)  # type: ignore[attr-defined]
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return "<td></td>"
    if is_number:
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"
        return f'<td class="n">{shown}</td>'
    text = str(value)
    if column != "context" and len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    text = _text(text).replace(OPEN, "<mark>").replace(CLOSE, "</mark>")
    if column == "context":
        return f'<td class="c"><code>{text}</code></td>'
    if column in ("secret", "secrets", "shape"):
        return f'<td class="s"><code>{text}</code></td>'
    return f'<td class="p"><code>{text}</code></td>' if column == "path" else f"<td>{text}</td>"
