/** How a browser looks: rows of numbers as wide as the terminal allows, text beside them, and the register under the cursor decoded. */

import type { Browsed, BrowsedRegister } from '../../kernel/client.js';
import type { Width } from '../../lib/backend.js';
import { columns, fit, type Line, type Look, type Span, slice, span, visible } from '../line.js';
import { BLOCK, bitsOf, blockOf, FAILED, type Item, KEPT, KNOWN, type Seen, UNREAD, UNSEEN } from './bytes.js';
import { hex } from './words.js';

/** How numbers are laid out on a terminal of so many columns. */
export interface Grid {
  /** Bytes in a row. */
  readonly row: number;
  readonly digits: number;
  readonly ascii: boolean;
}

/** Registers by where they are. */
export class Index {
  readonly all: readonly BrowsedRegister[];
  readonly #blocks = new Map<number, BrowsedRegister[]>();

  constructor(registers: readonly BrowsedRegister[]) {
    this.all = registers;
    for (const one of registers) {
      const start = blockOf(one.offset);
      this.#blocks.set(start, [...(this.#blocks.get(start) ?? []), one]);
    }
  }

  /** Those that begin in [from, to). */
  beginning(from: number, to: number): readonly BrowsedRegister[] {
    const found: BrowsedRegister[] = [];
    for (let at = blockOf(from); at < to; at += BLOCK)
      found.push(...(this.#blocks.get(at) ?? []).filter(({ offset }) => offset >= from && offset < to));
    return found;
  }

  /** Those that have a byte of [from, to); a register is aligned, so it lies in one block. */
  touching(from: number, to: number): readonly BrowsedRegister[] {
    return this.beginning(blockOf(from), to).filter(({ offset, width }) => offset + width / 8 > from);
  }
}

const LAYOUTS = [
  { row: 16, ascii: true },
  { row: 8, ascii: true },
  { row: 8, ascii: false },
  { row: 4, ascii: false },
] as const;

export function gridOf({ size, base }: Browsed, width: Width, room: number): Grid {
  const digits = Math.max(4, (BigInt(base) + BigInt(size) - 1n).toString(16).length);
  const bytes = width / 8;
  const fits = LAYOUTS.find(({ row, ascii }) => {
    const numbers = (row / bytes) * (2 * bytes + 1) + 1;
    return row >= bytes && digits + 1 + numbers + (ascii ? row : 0) <= room;
  });
  return { row: Math.max(bytes, fits?.row ?? bytes), digits, ascii: fits?.ascii ?? false };
}

const digitsOf = ({ value, state }: Item, digits: number): string => {
  if (state === UNSEEN) return '.'.repeat(digits);
  if (state === UNREAD) return '-'.repeat(digits);
  if (state === FAILED) return '?'.repeat(digits);
  return value.toString(16).padStart(digits, '0');
};

/** How a number looks. What has changed is marked also where there are no colours, by a star; the cursor by brackets. */
function lookOf({ value, state, before }: Item): Look {
  if (before !== undefined) return 'changed';
  if (state === FAILED) return 'bad';
  return state === KNOWN && value !== 0n ? 'plain' : 'dim';
}

export interface Shown {
  readonly browsed: Browsed;
  readonly index: Index;
  readonly seen: Seen;
  readonly width: Width;
  readonly big: boolean;
  /** Offset of the number under the cursor, and of the byte in it that is meant: a register may begin there. */
  readonly cursor: number;
  readonly focus: number;
}

/** The row that begins at `start`, in at most `room` columns. */
export function rowAt(shown: Shown, grid: Grid, start: number, room: number): Line {
  const { browsed, index, seen, width, big, cursor } = shown;
  const bytes = width / 8;
  const end = Math.min(start + grid.row, browsed.size);
  const address = (BigInt(browsed.base) + BigInt(start)).toString(16).padStart(grid.digits, '0');
  const line: Span[] = [span(address, 'dim')];
  let gap = ' ';
  for (let at = start; at < start + grid.row; at += bytes) {
    const here = at === cursor;
    const item = seen.item(at, bytes, big);
    const text = at < end ? digitsOf(item, 2 * bytes) : ' '.repeat(2 * bytes);
    line.push(span(here ? '[' : gap, here ? 'prompt' : 'plain'), span(text, here ? 'selected' : lookOf(item)));
    gap = here ? ']' : item.before !== undefined ? '*' : ' ';
  }
  line.push(span(gap, gap === ']' ? 'prompt' : 'plain'));
  if (grid.ascii) {
    let text = '';
    for (let at = start; at < end; at++) {
      const { byte, state } = seen.byte(at);
      text += (state === KNOWN || state === KEPT) && byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
    }
    line.push(span(text.padEnd(grid.row), 'dim'));
  }
  const left = room - line.reduce((sum, { text }) => sum + columns(text), 0) - 1;
  const names = index.beginning(start, end).map(({ name }) => name);
  if (left >= 6 && names.length > 0) line.push(span(' '), span(fit(visible(names.join(' ')), left), 'name'));
  return slice(line, 0, room);
}

/** The registers under the cursor, the one that is meant first. */
export function beneath({ index, width, cursor, focus }: Shown): readonly BrowsedRegister[] {
  const meant = index.touching(focus, focus + 1);
  return [...meant, ...index.touching(cursor, cursor + width / 8).filter((one) => !meant.includes(one))];
}

/** The register under the cursor with its fields, or the bare number: lines of at most `room` columns. */
export function decoded(shown: Shown, room: number): Line[] {
  const { seen, width, big, cursor } = shown;
  const registers = beneath(shown);
  if (registers.length > 0) return registers.flatMap((one) => flow(registerSpans(one, shown), room));
  const item = seen.item(cursor, width / 8, big);
  return flow([span(hex(cursor), 'dim'), ...valueSpans(item, width)], room);
}

function valueSpans(item: Item, width: number): Span[] {
  const { value, state, before } = item;
  const spans = [
    span(' = '),
    span(state === KNOWN || state === KEPT ? `0x${digitsOf(item, width / 4)}` : said(state), 'value'),
  ];
  if (state === KNOWN && value > 9n) spans.push(span(` (${value})`, 'dim'));
  if (state === KEPT) spans.push(span(' as it was read when asked for', 'dim'));
  if (before !== undefined) spans.push(span(` was ${hex(before)}`, 'changed'));
  return spans;
}

const said = (state: number): string =>
  state === UNREAD ? 'not read: reading changes it, ! reads it' : state === FAILED ? 'cannot be read' : 'not read yet';

function registerSpans(register: BrowsedRegister, { seen, big, width: read }: Shown): Span[] {
  const { name, offset, width, access, doc, fields } = register;
  const item = seen.item(offset, width / 8, big);
  const { value, state, before } = item;
  const spans = [span(`${hex(offset)} `, 'dim'), span(name, 'name'), span(` ${width}-bit ${access}`, 'dim')];
  spans.push(...valueSpans(item, width));
  if (read !== width && state === KNOWN) spans.push(span(` by ${read}-bit reads`, 'warn'));
  for (const field of state === KNOWN || state === KEPT ? fields : []) {
    const code = bitsOf(field, value);
    const number = code < 10n ? `${code}` : hex(code);
    const unit = field.unit === undefined ? '' : `×${field.unit.replaceAll(' ', '')}`;
    const text = field.names.find(([one]) => BigInt(one) === code)?.[1] ?? number + unit;
    const changed = before !== undefined && bitsOf(field, before) !== code;
    const bits = field.msb === field.lsb ? `${field.lsb}` : `${field.msb}:${field.lsb}`;
    const look = code === 0n ? 'dim' : register.errors && field.access === 'w1c' ? 'bad' : 'value';
    spans.push(span('  '), span(`${field.name}[${bits}]`, 'name'), span('='));
    spans.push(span(changed ? `${text}*` : text, changed ? 'changed' : look));
  }
  if (doc !== '') spans.push(span(`  ${visible(doc)}`, 'dim'));
  return spans;
}

/** Spans in lines, broken at blanks only: a field stays with its value. */
export function flow(spans: readonly Span[], room: number): Line[] {
  const lines: Span[][] = [[]];
  let used = 0;
  let blanks = 0;
  for (const word of words(spans)) {
    const wide = word.reduce((sum, { text }) => sum + columns(text), 0);
    if (word[0]?.text.trim() === '') {
      blanks = wide;
      continue;
    }
    if (used > 0 && used + blanks + wide > room) {
      lines.push([]);
      used = 0;
    } else if (used > 0) lines.at(-1)?.push(span(' '.repeat(blanks)));
    lines.at(-1)?.push(...slice(word, 0, room));
    used += wide + (used > 0 ? blanks : 0);
    blanks = 0;
  }
  return lines;
}

/** What stands between blanks, and the blanks. */
function words(spans: readonly Span[]): Span[][] {
  const found: Span[][] = [];
  let blank: boolean | undefined;
  for (const { text, look } of spans)
    for (const part of text.match(/\s+|\S+/g) ?? []) {
      const one = span(part, look);
      if ((part.trim() === '') === blank) found.at(-1)?.push(one);
      else found.push([one]);
      blank = part.trim() === '';
    }
  return found;
}
