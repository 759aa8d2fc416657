/** The printers: a View as plain text, as ANSI for a terminal, as HTML for a notebook. The only place that knows colours and tags. */
import type { Cell, Tone, ViewData } from './view.js';

/** SGR parameters: bright enough on dark, dark enough on light backgrounds. */
export const SGR: Readonly<Record<Tone, string>> = {
  plain: '',
  dim: '2',
  name: '36',
  value: '1',
  good: '32',
  warn: '33',
  bad: '1;31',
  changed: '7',
};

const STYLE =
  '<style>.vfiolab{font-family:monospace}.vfiolab caption{text-align:left;font-weight:bold;white-space:pre}' +
  '.vfiolab th,.vfiolab td{text-align:left!important;white-space:pre;padding:.1em .6em!important}' +
  '.vfiolab .r{text-align:right!important}.vfiolab .dim{opacity:.6}.vfiolab .name{color:#0a7ea4}.vfiolab .value{font-weight:bold}' +
  '.vfiolab summary{cursor:pointer}.vfiolab details table{margin:.2em 0 .6em}pre.vfiolab{line-height:1.3}' +
  '.vfiolab .good{color:#1a7f37}.vfiolab .warn{color:#bf8700}.vfiolab .bad{color:#d1242f;font-weight:bold}.vfiolab .changed{background:#bf870055}</style>';

/** The columns' widths, in characters. */
export function columnWidths(view: ViewData): number[] {
  const widths: number[] = [];
  for (const row of [view.head.map((text) => ({ text })), ...view.rows]) {
    // A row of one cell among wider ones is a heading over all columns.
    if (row.length === 1 && view.head.length > 1) continue;
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, [...cell.text].length);
    });
  }
  return widths;
}

function pad(cell: Cell, width: number): string {
  const blanks = ' '.repeat(Math.max(0, width - [...cell.text].length));
  return cell.align === 'right' ? blanks + cell.text : cell.text + blanks;
}

function lines(view: ViewData, paint: (padded: string, tone: Tone) => string): string {
  if (view.form === 'lines') {
    const text = view.rows.map((row) => row.map((cell) => paint(cell.text, cell.tone ?? 'plain')).join(''));
    return (view.title === '' ? text : [paint(view.title, 'value'), ...text]).join('\n');
  }
  const widths = columnWidths(view);
  const line = (cells: readonly Cell[]) =>
    `  ${cells.map((cell, column) => paint(pad(cell, widths[column] ?? 0), cell.tone ?? 'plain')).join('  ')}`.trimEnd();
  const head = view.head.length > 0 ? [line(view.head.map((text) => ({ text, tone: 'dim' })))] : [];
  const title = view.title === '' ? [] : [paint(view.title, 'value')];
  return [...title, ...head, ...view.rows.map(line)].join('\n');
}

/** The View as plain text, columns aligned, no trailing newline. */
export function toText(view: ViewData): string {
  return lines(view, (padded) => padded);
}

/** The View as text with ANSI colours. */
export function toAnsi(view: ViewData): string {
  return lines(view, (padded, tone) => (SGR[tone] === '' ? padded : `\x1b[${SGR[tone]}m${padded}\x1b[0m`));
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeHtml = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);

function tag(name: 'td' | 'th' | 'span', cell: Cell, fold?: ViewData, columns = 1): string {
  const classes = [cell.align === 'right' ? 'r' : '', cell.tone ?? '']
    .filter((c) => c !== '' && c !== 'plain')
    .join(' ');
  const attribute = `${classes === '' ? '' : ` class="${classes}"`}${columns === 1 ? '' : ` colspan="${columns}"`}`;
  const text = escapeHtml(cell.text);
  if (fold === undefined) return `<${name}${attribute}>${text}</${name}>`;
  return `<${name}><details><summary${attribute}>${text}</summary>${element(fold)}</details></${name}>`;
}

/** The View as an HTML table that stands by itself and reads well where styles are stripped; as preformatted text where it is lines. */
export function toHtml(view: ViewData): string {
  return `${STYLE}${element(view)}`;
}

function element(view: ViewData): string {
  if (view.form === 'lines') {
    const title = view.title === '' ? [] : [`<b>${escapeHtml(view.title)}</b>`];
    const text = view.rows.map((row) => row.map((cell) => tag('span', cell)).join(''));
    return `<pre class="vfiolab">${[...title, ...text].join('\n')}</pre>`;
  }
  const caption = view.title === '' ? '' : `<caption>${escapeHtml(view.title)}</caption>`;
  const head =
    view.head.length > 0 ? `<thead><tr>${view.head.map((text) => tag('th', { text })).join('')}</tr></thead>` : '';
  const rows = view.rows
    .map((row, index) => {
      const fold = view.folds?.[index];
      const cells = row.map((cell, column) =>
        tag('td', cell, column === row.length - 1 ? fold : undefined, row.length === 1 ? view.head.length || 1 : 1),
      );
      return `<tr>${cells.join('')}</tr>`;
    })
    .join('\n');
  return `<table class="vfiolab">${caption}${head}<tbody>\n${rows}\n</tbody></table>`;
}
