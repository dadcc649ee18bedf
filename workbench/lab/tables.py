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

_BELOW = ("repository", "path", "reason", "context")
"""Where a table has contexts, these stand on a line of their own below the rest of their row, with all the width there
is."""

STYLE = """<style>
.wb{font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;color:var(--jp-ui-font-color1,#1b1f24);
overflow-x:auto}
.wb.wb.wb table{border-collapse:collapse;margin:4px 0 8px;font-size:inherit;color:inherit;table-layout:auto}
.wb.wb.wb :is(th,td){text-align:left;vertical-align:top;padding:3px 12px 3px 0;max-width:60em;font-weight:normal;
background:none;border:0;border-bottom:1px solid var(--jp-border-color2,#d0d7de)}
.wb.wb.wb tr{background:none}
.wb.wb.wb thead th{color:var(--jp-ui-font-color2,#57606a);border-bottom-width:2px;vertical-align:bottom}
.wb.wb.wb .up :is(th,td){border-bottom:0;padding-bottom:0}
.wb.wb.wb .low :is(th,td){padding:0 0 5px 14px}
.wb.wb.wb .low span{color:var(--jp-ui-font-color2,#57606a)}
.wb.wb.wb :is(td.s code,.w){white-space:nowrap}
.wb.wb.wb .n{text-align:right;font-variant-numeric:tabular-nums}
.wb.wb.wb code{font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:12px;background:none;padding:0;
color:inherit;white-space:pre-wrap;overflow-wrap:anywhere}
.wb.wb.wb pre{white-space:pre-wrap;word-break:normal;margin:4px 0}
.wb.wb mark{background:#ffd33d;color:#1b1f24;border-radius:2px;padding:0 2px;white-space:nowrap}
.wb.wb .note{color:var(--jp-ui-font-color2,#57606a);margin:2px 0}
.wb.wb .warn{border-left:3px solid #bf8700;padding-left:8px;margin:4px 0}
.wb.wb .bad{border-left:3px solid #cf222e;padding-left:8px;margin:4px 0}
.wb.wb h4{margin:8px 0 2px;font-size:13px}
.wb.wb :is(ins,del){text-decoration:none;display:block;border-left:3px solid #2e7d32;padding-left:5px;margin-left:-8px;
background:#2e7d3222}
.wb.wb del{border-color:#cf222e;background:#cf222e22}
</style>"""
"""``.wb.wb.wb`` outweighs JupyterLab's own rules for tables and code in outputs: text to the right, stripes, grey
boxes."""

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
        """The first ``rows`` as an HTML table without its style; columns of which they have nothing are left out."""
        first = pd.DataFrame(self.head(rows))
        shown = [c for c in self.columns if c not in _HIDDEN and not (len(first) and first[c].isna().all())]
        below = [c for c in _BELOW if c in shown] if "context" in shown else []
        above = [c for c in shown if c not in below]
        numeric = {c for c in shown if pd.api.types.is_numeric_dtype(self[c].dtype)}
        upper = "".join(f'<th class="n">{_breakable(c)}</th>' if c in numeric else f"<th>{_breakable(c)}</th>"
                        for c in above)
        lower = f'<tr class="low"><th colspan="{len(above)}">{" · ".join(below)}</th></tr>' if below else ""
        kind = ' class="up"' if below else ""
        body = "".join(
            f'<tr{kind}>{"".join(_cell(c, row[c], c in numeric) for c in above)}</tr>' + (
                f'<tr class="low"><td colspan="{len(above)}">{_long(row, below)}</td></tr>' if below else "")
            for row in first[shown].to_dict("records"))
        more = f'<p class="note">{rows} of {len(self):,} rows</p>' if len(self) > rows else ""
        caption = f"<h4>{_text(self.caption)}</h4>" if self.caption else ""
        empty = '<p class="note">no rows</p>' if not len(self) else ""
        return (f"{caption}<table><thead><tr{kind}>{upper}</tr>{lower}</thead><tbody>{body}</tbody></table>"
                f"{empty}{more}")

    def browse(self) -> Browser:
        """All rows with search, sorting and pages: a table that brings its script along and fetches nothing. Of more
        than 2 MB it holds the first and the last rows, and says so."""
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


def code(text: str, *, marked: bool = False) -> str:
    """Preformatted text; with ``marked``, what stands between the marks of a context is highlighted."""
    return f"<pre><code>{_marked(text) if marked else _text(text)}</code></pre>"


def difference(text: str) -> str:
    """A unified diff, lines that came and went in colour."""
    marks = {"+": "ins", "-": "del"}
    lines = [line for line in text.splitlines() if not line.startswith(("--- ", "+++ ", "@@"))]
    tags = [(marks.get(line[:1], ""), line) for line in lines]
    out = "".join(f"<{tag}>{_text(line)}</{tag}>" if tag else f"{_text(line)}\n" for tag, line in tags)
    return f"<pre><code>{out}</code></pre>"


def _text(value: object) -> str:
    """A value's text, safe in HTML."""
    return html.escape(str(value), quote=True)


def _breakable(value: object) -> str:
    """The same, of a name or a path, which may go on in the next line after each of its pieces."""
    return _text(value).replace("_", "_<wbr>").replace("/", "/<wbr>")


def _is_nothing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _marked(text: str) -> str:
    return _text(text).replace(OPEN, "<mark>").replace(CLOSE, "</mark>")


def _cell(column: str, value: object, is_number: bool) -> str:
    if isinstance(value, list) or hasattr(value, "tolist"):
        value = ", ".join(str(v) for v in value)  # type: ignore[attr-defined]
    if _is_nothing(value):
        return "<td></td>"
    if is_number:
        shown = f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"
        return f'<td class="n">{shown}</td>'
    text = str(value)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    if column in ("secret", "secrets", "shape"):
        return f'<td class="s"><code>{_text(text)}</code></td>'
    return f"<td>{_breakable(text)}</td>"


def _long(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The line below a row: where it is, a reason as text, a context as code."""
    said = [(c, str(row[c])) for c in columns if not _is_nothing(row[c]) and str(row[c])]
    return " · ".join(f"<code>{_marked(t)}</code>" if c == "context" else f"<span>{_breakable(t)}</span>"
                      for c, t in said)
