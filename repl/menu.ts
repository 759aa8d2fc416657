/** The completion menu as lines: name, kind, type and the first words of its documentation; below them all there is about the one chosen. */
import type { Menu } from './completion.js';
import { columns, fit, fold, type Line, pad, span, visible, wrap } from './line.js';

const ROWS = 8;
/** Lines for the chosen one's own words, at most. */
const FOOT = 4;
/** A documentation column narrower than this says nothing. */
const NARROWEST = 16;

type Match = Menu['matches'][number];

const oneLine = (text = ''): string => visible(text.replace(/\s+/g, ' ')).trim();
const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map(columns));

/** The menu in at most `room` lines of `width` columns. */
export function menuLines(menu: Menu, width: number, room: number): Line[] {
  if (room < 1) return [];
  const { matches, chosen } = menu;
  const height = Math.min(ROWS, room, matches.length);
  const all = height === matches.length;
  const rows = all ? height : Math.max(1, height - 1);
  const first = Math.max(0, Math.min(chosen - Math.floor(rows / 2), matches.length - rows));
  const shown = matches.slice(first, first + rows);
  const table = columnsOf(shown, width);
  const lines = shown.map((match, index) => wrap(row(match, table, first + index === chosen), width)[0] ?? []);
  if (!all && height > 1) lines.push([span(fit(` ${matches.length - rows} more`, width), 'dim')]);
  const match = matches[chosen];
  return match ? [...lines, ...foot(match, table, width).slice(0, room - lines.length)] : lines;
}

interface Columns {
  readonly name: number;
  readonly kind: number;
  readonly detail: number;
  /** 0: there is no room for it. */
  readonly doc: number;
}

function columnsOf(shown: readonly Match[], width: number): Columns {
  const name = Math.min(widest(shown.map(({ text }) => text)), Math.floor(width / 2));
  const kind = widest(shown.map((match) => match.kind));
  const rest = Math.max(0, width - 1 - (name + 2) - (kind + 3));
  const wanted = widest(shown.map((match) => oneLine(match.detail)));
  const words = widest(shown.map((match) => oneLine(match.doc)));
  const detail = Math.min(wanted, words === 0 ? rest : Math.max(24, Math.floor(rest / 2)), rest);
  const doc = rest - detail - 2;
  return doc >= Math.min(NARROWEST, words) && words > 0
    ? { name, kind, detail, doc }
    : { name, kind, detail: Math.min(wanted, rest), doc: 0 };
}

function row(match: Match, { name, kind, detail, doc }: Columns, chosen: boolean): Line {
  const type = fit(oneLine(match.detail), detail);
  return [
    span(` ${pad(fit(visible(match.text), name), name)} `, chosen ? 'selected' : 'name'),
    span(` ${pad(match.kind, kind)}  `, 'dim'),
    span(detail < 4 ? '' : doc > 0 ? pad(type, detail) : type),
    ...(doc > 0 ? [span(`  ${fit(oneLine(match.doc), doc)}`, 'dim')] : []),
  ];
}

/** What the row of a match left out, and what is cited for it. */
function foot(match: Match, { detail, doc }: Columns, width: number): Line[] {
  const [type, words, reference] = [match.detail, match.doc, match.reference].map(oneLine);
  const left = [
    ...(columns(type ?? '') > detail ? [type] : []),
    ...(columns(words ?? '') > doc ? [words] : []),
    ...(reference ? [`Ref: ${reference}`] : []),
  ];
  const lines = left.flatMap((text) => fold(text ?? '', Math.max(2, width - 2)));
  const cut = lines.length > FOOT ? [...lines.slice(0, FOOT - 1), fit(`${lines[FOOT - 1]}…`, width - 2)] : lines;
  return cut.map((text) => [span(` ${text}`, 'dim')]);
}
