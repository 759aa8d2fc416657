/** The printer for notebooks: a View as HTML, and the stylesheet that gives it colours. The only place that knows tags. */
import { columnWidths } from './print.js';
import { escaped, toSvg } from './svg.js';
import { type Cell, partsOf, type Tone, type ViewData } from './view.js';

/**
 * How Views look in HTML. It stands in a page once; without it (GitHub leaves it out) the tags alone read well. Light or dark is what
 * the page says: JupyterLab, Notebook 7 and nbconvert by a data attribute, VS Code by another; without either it is light.
 */
export const STYLESHEET: string = `<style>
.vfiolab{--name:#0a6c8f;--good:#1a7f37;--warn:#9a6700;--bad:#cf222e;--mark:#ffe58a;--line:#0a6c8f;font-family:monospace}
[data-jp-theme-light=false] .vfiolab,[data-theme=dark] .vfiolab,[data-vscode-theme-kind$=dark] .vfiolab,\
[data-vscode-theme-kind=vscode-high-contrast] .vfiolab{--name:#5cc2e6;--good:#4cc26a;--warn:#e0a93b;--bad:#ff7b72;--mark:#7a5c00;--line:#5cc2e6}
.vfiolab table{border-collapse:collapse;margin:0!important}
.vfiolab>b:first-child{white-space:pre;font-family:monospace}
.vfiolab th,.vfiolab td{text-align:left!important;white-space:pre!important;padding:.1em .6em!important}
.vfiolab [align=right]{text-align:right!important}
.vfiolab th,.vfiolab .dim{opacity:.7}
.vfiolab .name{color:var(--name)}
.vfiolab .good{color:var(--good)}
.vfiolab .warn{color:var(--warn)}
.vfiolab .bad{color:var(--bad)}
.vfiolab mark{background:var(--mark);color:inherit;padding:0}
.vfiolab summary{display:list-item;list-style-position:outside;cursor:pointer}
.vfiolab summary,.vfiolab .leaf{margin-left:1.2em;white-space:pre}
.vfiolab details>:not(summary){margin-left:2.4em!important}
.vfiolab details>table{margin-bottom:.4em!important}
.vfiolab details>b{white-space:pre;font-family:monospace;opacity:.7}
pre.vfiolab{line-height:1.3}
.vfiolab svg{display:block;max-width:100%}
.vfiolab svg rect{fill:var(--line)}
.vfiolab svg polyline{stroke:var(--line)}
.vfiolab svg+table{display:none}
</style>`;

/** HTML keeps one blank of many: every second one is made to stay. */
const blanks = (text: string): string => text.replace(/ {2}|^ | $/g, (run) => (run.length > 1 ? ' \u00a0' : '\u00a0'));

/** Tags that mean something where no stylesheet is; for the other tones a class is enough. */
const MEANING: Partial<Record<Tone, string>> = { value: 'b', bad: 'b', changed: 'mark' };

function tag(name: 'td' | 'span', cell: Cell, columns = 1): string {
  const { tone = 'plain', align } = cell;
  const content = partsOf(name === 'span' ? cell : { ...cell, text: blanks(cell.text) })
    .map((part) => {
      const meaning = MEANING[part.tone];
      const plain = escaped(part.text);
      return meaning ? `<${meaning}>${plain}</${meaning}>` : plain;
    })
    .join('');
  const colour = tone === 'plain' || tone === 'value' || tone === 'changed' ? '' : ` class="${tone}"`;
  const place = `${align === 'right' ? ' align="right"' : ''}${columns === 1 ? '' : ` colspan="${columns}"`}`;
  if (name === 'span' && colour === '') return content;
  return `<${name}${place}${colour}>${content}</${name}>`;
}

/**
 * The View as an HTML table, as preformatted text where it is lines; monospaced and readable wherever it stands. STYLESHEET gives it
 * colours.
 */
export function toHtml(view: ViewData): string {
  return view.form === 'lines' ? element(view) : `<samp class="vfiolab">${element(view)}</samp>`;
}

function element(view: ViewData): string {
  if (view.form === 'lines') {
    const title = view.title === '' ? [] : [`<b>${escaped(view.title)}</b>`];
    const text = view.rows.map((row) => row.map((cell) => tag('span', cell)).join(''));
    return `<pre class="vfiolab">${[...title, ...text].join('\n')}</pre>`;
  }
  // No caption: without a stylesheet it would be folded to the table's width, and centred.
  const title = view.title === '' ? '' : `<b>${blanks(escaped(view.title))}</b>`;
  if (view.folds) return `${title}${tree(view)}`;
  const head = view.head.map((text) => `<th align="left">${escaped(text)}</th>`).join('');
  const rows = view.rows
    .map((row) => {
      // A row of one cell is a heading over all columns.
      const columns = row.length === 1 ? view.head.length || 1 : 1;
      return `<tr>${row.map((cell) => tag('td', cell, columns)).join('')}</tr>`;
    })
    .join('\n');
  // Where the plot is drawn the stylesheet leaves out the rows, which say the same.
  const plot = view.plot ? `${view.title === '' ? '' : '<br>'}${toSvg(view.plot)}` : '';
  return `${title}${plot}<table>${head === '' ? '' : `<thead><tr>${head}</tr></thead>`}<tbody>\n${rows}\n</tbody></table>`;
}

/** Rows that unfold: a line each, as text with the columns aligned, and what is behind it below. */
function tree(view: ViewData): string {
  const widths = columnWidths(view);
  const head = view.head.map((text): Cell => ({ text, tone: 'dim' }));
  const line = (row: readonly Cell[]) =>
    row
      .map((cell, column) => {
        const room = '\u00a0'.repeat(Math.max(0, (widths[column] ?? 0) - [...cell.text].length));
        const { align, ...plain } = cell;
        const text = tag('span', plain);
        if (align === 'right') return `${room}${text}`;
        return column === row.length - 1 ? text : `${text}${room}`;
      })
      .join('\u00a0 ');
  const rows = view.rows.map((row, index) => {
    const fold = view.folds?.[index];
    if (fold === undefined) return `<div class="leaf">${line(row)}</div>`;
    return `<details><summary>${line(row)}</summary>${element(fold)}</details>`;
  });
  return [...(head.length === 0 ? [] : [`<div class="leaf">${line(head)}</div>`]), ...rows].join('\n');
}
