/**
 * The picture: whatever is worth looking at returns a `View`. A View is data (JSON as it stands) and knows no colours and no tags;
 * print.ts draws it as text, ANSI and HTML, the terminal prompt draws it with Ink.
 */
import { inspect } from 'node:util';
import type { Plot } from './plot.js';
import { toAnsi, toText } from './print.js';

/** What a cell means; printers decide how that looks. */
export type Tone = 'plain' | 'dim' | 'name' | 'value' | 'good' | 'warn' | 'bad' | 'changed';

export interface Cell {
  readonly text: string;
  readonly tone?: Tone;
  readonly align?: 'left' | 'right';
  /** Parts of the text that are drawn as 'changed', whatever the tone: from and to in UTF-16 units, in order, none touching another. */
  readonly changed?: readonly (readonly [from: number, to: number])[];
}

/** A cell, or its text alone. */
export type CellLike = Cell | string;

/** A cell's text in parts that each have one tone. */
export function partsOf({
  text,
  tone = 'plain',
  changed = [],
}: Cell): readonly { readonly text: string; readonly tone: Tone }[] {
  const parts: { text: string; tone: Tone }[] = [];
  let at = 0;
  for (const [from, to] of changed) {
    parts.push({ text: text.slice(at, from), tone }, { text: text.slice(from, to), tone: 'changed' });
    at = to;
  }
  return [...parts, { text: text.slice(at), tone }].filter((part) => part.text !== '');
}

/** A View as it travels: plain data. */
export interface ViewData {
  readonly title: string;
  /** Column headings; empty: no heading line. */
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  /** 'lines': each row is a line of text as it stands, its cells follow each other without a gap. Default: a table. */
  readonly form?: 'lines';
  /** By row: what it unfolds to where that can be done (HTML). The row alone must say enough everywhere else. */
  readonly folds?: readonly (ViewData | undefined)[];
  /** Drawn in HTML in place of the rows, which must say the same everywhere else. */
  readonly plot?: Plot;
}

/** A method under this symbol makes a value worth looking at: `[VIEW](): View`. It never touches the device. */
export const VIEW: unique symbol = Symbol.for('vfiolab.view') as never;

export interface Viewable {
  [VIEW](): View;
}

export class View implements ViewData, Viewable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
  declare readonly form?: 'lines';
  declare readonly folds?: readonly (ViewData | undefined)[];
  declare readonly plot?: Plot;

  constructor(
    title: string,
    head: readonly string[],
    rows: readonly (readonly CellLike[])[],
    more: Pick<ViewData, 'form' | 'folds' | 'plot'> = {},
  ) {
    this.title = title;
    this.head = head;
    this.rows = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? { text: cell } : cell)));
    Object.assign(this, more);
  }

  [VIEW](): View {
    return this;
  }

  /** The same picture with another title, or other rows. */
  with({ title = this.title, rows = this.rows }: Partial<Pick<ViewData, 'title' | 'rows'>>): View {
    return Object.assign(new View('', [], []), this, { title, rows });
  }

  toString(): string {
    return toText(this);
  }

  [inspect.custom](_depth: number, options: { readonly colors?: boolean }): string {
    return options.colors ? toAnsi(this) : toText(this);
  }
}

/** Base of the objects that show themselves as a View, in console.log and util.inspect too. */
export abstract class Shown implements Viewable {
  abstract [VIEW](): View;

  [inspect.custom](depth: number, options: { readonly colors?: boolean }): string {
    return this[VIEW]()[inspect.custom](depth, options);
  }
}

/** The View of a value, or undefined where it has none. */
export function viewOf(value: unknown): View | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined;
  const method = (value as Partial<Viewable>)[VIEW];
  return typeof method === 'function' ? method.call(value) : undefined;
}
