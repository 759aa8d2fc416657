/** The printers for text: a View as plain text, and as ANSI for a terminal. html.ts has the one for notebooks; nothing else knows colours. */
import { type Cell, partsOf, type Tone, type ViewData } from './view.js';

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

function pad(cell: Cell, width: number): Cell {
  const { text, align, changed = [] } = cell;
  const blanks = ' '.repeat(Math.max(0, width - [...text].length));
  if (align !== 'right') return { ...cell, text: text + blanks };
  const by = blanks.length;
  return { ...cell, text: blanks + text, changed: changed.map(([from, to]) => [from + by, to + by] as const) };
}

function lines(view: ViewData, paintPart: (text: string, tone: Tone) => string): string {
  const paint = (cell: Cell): string =>
    partsOf(cell)
      .map(({ text, tone }) => paintPart(text, tone))
      .join('');
  if (view.form === 'lines') {
    const text = view.rows.map((row) => row.map(paint).join(''));
    return (view.title === '' ? text : [paintPart(view.title, 'value'), ...text]).join('\n');
  }
  const widths = columnWidths(view);
  const line = (cells: readonly Cell[]) =>
    `  ${cells.map((cell, column) => paint(pad(cell, widths[column] ?? 0))).join('  ')}`.trimEnd();
  const head = view.head.length > 0 ? [line(view.head.map((text) => ({ text, tone: 'dim' })))] : [];
  const title = view.title === '' ? [] : [paintPart(view.title, 'value')];
  return [...title, ...head, ...view.rows.map(line)].join('\n');
}

/** The View as plain text, columns aligned, no trailing newline. */
export function toText(view: ViewData): string {
  return lines(view, (text) => text);
}

/** The View as text with ANSI colours. */
export function toAnsi(view: ViewData): string {
  return lines(view, (text, tone) => (SGR[tone] === '' ? text : `\x1b[${SGR[tone]}m${text}\x1b[0m`));
}
