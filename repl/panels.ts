/** Live panels above the input: one below the other, a line of theirs a line of the screen, and all of them in the room that there is. */
import type { Cell, ViewData } from '../lib/view.js';
import { columns, type Line, lineText, pad, span, wrap } from './line.js';
import type { Panel } from './outlet.js';
import { table } from './table.js';
import { allLines, type Entry } from './transcript.js';

const more = (count: number, what: string): Line => [span(`… ${count} more ${what}${count === 1 ? '' : 's'}`, 'dim')];

function cut(line: Line, width: number): Line {
  if (columns(lineText(line)) <= width) return line;
  return [...(wrap(line, width - 1)[0] ?? []), span('…', 'dim')];
}

/** What was laid out last, for most of it has not changed when one panel has, or a key was pressed. */
const laidOut = new WeakMap<Entry, { readonly width: number; readonly lines: readonly Line[] }>();

/** The same in fewer columns: without those that are all dim, and only the first is as wide in each row. */
function narrow(view: ViewData): ViewData {
  const kept = (cells: readonly Cell[]): readonly Cell[] => cells.filter((_, column) => !dim.has(column));
  const count = Math.max(...view.rows.map((cells) => cells.length));
  const dim = new Set(
    Array.from({ length: count }, (_, column) => column).filter((column) =>
      view.rows.every((cells) => (cells[column]?.text ?? '') === '' || cells[column]?.tone === 'dim'),
    ),
  );
  const rows = view.rows.map(kept);
  const first = Math.max(...rows.map((cells) => columns(cells[0]?.text ?? '')));
  return {
    title: view.title,
    head: [],
    form: 'lines',
    rows: rows.map(([name, ...cells]) => [
      { text: '  ' },
      { ...name, text: pad(name?.text ?? '', first) },
      ...cells.flatMap((cell) => (cell.text === '' ? [] : [{ text: '  ' }, cell])),
    ]),
  };
}

const isTable = (entry: Entry): entry is Extract<Entry, { kind: 'view' }> =>
  entry.kind === 'view' && entry.view.form === undefined && entry.view.rows.length > 0;

/** Not folded to the width, but made narrow, and cut: what a panel shows stays where it is. */
function linesOf(entry: Entry, width: number): readonly Line[] {
  const known = laidOut.get(entry);
  if (known?.width === width) return known.lines;
  const wide = allLines(entry, Number.POSITIVE_INFINITY);
  const fits = !isTable(entry) || wide.every((line) => columns(lineText(line)) <= width);
  const lines = (fits ? wide : table(narrow(entry.view), width)).map((line) => cut(line, width));
  laidOut.set(entry, { width, lines });
  return lines;
}

/** How many lines each gets of `room`: the low ones all of theirs, the high ones equal shares of the rest. */
function shares(heights: readonly number[], room: number): number[] {
  const given = heights.map(() => 0);
  let left = room;
  const ascending = heights.map((height, index) => ({ height, index })).sort((a, b) => a.height - b.height);
  ascending.forEach(({ height, index }, done) => {
    const share = Math.min(height, Math.floor(left / (ascending.length - done)));
    given[index] = share;
    left -= share;
  });
  return given;
}

/** The first lines of a panel, and how many there are more. */
function top(lines: readonly Line[], height: number, width: number): Line[] {
  if (lines.length <= height) return [...lines];
  if (height > 1) return [...lines.slice(0, height - 1), more(lines.length - height + 1, 'line')];
  const rest = more(lines.length - 1, 'line');
  const title = lines[0] ?? [];
  const room = width - columns(lineText(rest)) - 1;
  return height < 1 ? [] : [room < columns(lineText(title)) ? cut(title, width) : [...title, span(' '), ...rest]];
}

/** The panels in at most `room` lines of at most `width` columns. */
export function panelLines(panels: readonly Panel[], width: number, room: number): Line[] {
  if (panels.length === 0 || room < 1) return [];
  // Each has a line at least; those that have not are counted in one.
  const some = panels.length > room ? panels.slice(0, room - 1) : panels;
  const hidden = panels.length - some.length;
  const all = some.map(({ entry }) => linesOf(entry, width));
  const heights = shares(
    all.map((lines) => lines.length),
    hidden > 0 ? room - 1 : room,
  );
  const lines = all.flatMap((each, index) => top(each, heights[index] ?? 0, width));
  return hidden > 0 ? [...lines, cut(more(hidden, 'panel'), width)] : lines;
}
