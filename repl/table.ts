/** A View laid out for a width: aligned columns; where they do not fit, the widest ones are folded inside their column. */
import { type Cell, partsOf, type ViewData } from '../lib/view.js';
import { columns, fold, type Line, type Look, pad, type Span, span } from './line.js';

const GAP = 2;
const INDENT = 2;
/** No column is made narrower than this to let the others fit. */
const NARROWEST = 8;

/** Natural widths, with the widest columns lowered together until their sum is at most `width`. */
export function columnWidths(natural: readonly number[], width: number): number[] {
  const widths = [...natural];
  const room = width - GAP * Math.max(0, widths.length - 1);
  for (let excess = widths.reduce((sum, each) => sum + each, 0) - room; excess > 0; ) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) break;
    const next = Math.max(NARROWEST, ...widths.filter((each) => each < widest));
    const wide = widths.filter((each) => each === widest).length;
    const cut = Math.max(1, Math.min(widest - next, Math.ceil(excess / wide)));
    widths.forEach((each, index) => {
      if (each !== widest || excess <= 0) return;
      const by = Math.min(cut, excess);
      widths[index] = each - by;
      excess -= by;
    });
  }
  return widths;
}

/** A cell folded to a width: each piece has its own part of what has changed. */
function piecesOf(cell: Cell, width: number): Cell[] {
  let at = 0;
  return fold(cell.text, width).map((text) => {
    const start = cell.text.indexOf(text, at);
    at = start + text.length;
    const changed = (cell.changed ?? [])
      .map(([from, to]) => [Math.max(0, from - start), Math.min(text.length, to - start)] as const)
      .filter(([from, to]) => from < to);
    return { ...cell, text, changed };
  });
}

function row(cells: readonly Cell[], widths: readonly number[], look?: Look): Line[] {
  const folded = cells.map((cell, index) => piecesOf(cell, Math.max(1, widths[index] ?? 1)));
  const height = Math.max(1, ...folded.map((pieces) => pieces.length));
  return Array.from({ length: height }, (_, y) => {
    const line: Span[] = [span(' '.repeat(INDENT))];
    cells.forEach((cell, index) => {
      const last = index === cells.length - 1;
      const piece = folded[index]?.[y] ?? { text: '' };
      const right = cell.align === 'right';
      const text = last && !right ? piece.text : pad(piece.text, widths[index] ?? 0, cell.align);
      const by = right ? text.length - piece.text.length : 0;
      const changed = (piece.changed ?? []).map(([from, to]) => [from + by, to + by] as const);
      line.push(...partsOf({ ...piece, text, changed }).map((part) => span(part.text, look ?? part.tone)));
      if (!last) line.push(span(' '.repeat(GAP)));
    });
    return line;
  });
}

const TAB = 8;

/** A line as it stands; the terminal wraps it. Tabs become blanks, as nothing below counts them. */
function preformatted(cells: readonly Cell[]): Line {
  let column = 0;
  return cells.flatMap(partsOf).map(({ text, tone }) => {
    const parts = text.split('\t').map((part, index, all) => {
      column += columns(part);
      const blanks = index === all.length - 1 ? 0 : TAB - (column % TAB);
      column += blanks;
      return part + ' '.repeat(blanks);
    });
    return span(parts.join(''), tone);
  });
}

/** One cell among rows of more: a heading over all columns. */
const isHeading = (cells: readonly Cell[], count: number): boolean => cells.length === 1 && count > 1;

/** The lines of a View in at most `width` columns (or as near to that as its number of columns lets it). */
export function table(view: ViewData, width: number): Line[] {
  const title: Line[] = view.title === '' ? [] : fold(view.title, width).map((text) => [span(text, 'title')]);
  if (view.form === 'lines') return [...title, ...view.rows.map(preformatted)];
  const rows = view.head.length > 0 ? [view.head.map((text): Cell => ({ text })), ...view.rows] : view.rows;
  const count = Math.max(0, ...rows.map((cells) => cells.length));
  const natural = Array.from({ length: count }, (_, index) =>
    Math.max(...rows.map((cells) => (isHeading(cells, count) ? 0 : columns(cells[index]?.text ?? '')))),
  );
  const widths = columnWidths(natural, width - INDENT);
  const lines = title;
  if (view.head.length > 0) {
    const aligned = view.head.map((text, index): Cell => {
      const align = view.rows[0]?.[index]?.align;
      return align ? { text, align } : { text };
    });
    lines.push(...row(aligned, widths, 'head'));
  }
  for (const cells of view.rows) lines.push(...row(cells, isHeading(cells, count) ? [width - INDENT] : widths));
  return lines;
}
