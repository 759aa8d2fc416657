/** What a browser knows, and what follows from it: what is under the cursor, and what fits the terminal. */

import type { Browsed, BrowsedRegister } from '../../kernel/client.js';
import type { Width } from '../../lib/backend.js';
import { type Line, type Look, span } from '../line.js';
import type { Size } from '../whole.js';
import { KEPT, KNOWN, Seen } from './bytes.js';
import type { Hunt } from './hunt.js';
import { beneath, decoded, type Grid, gridOf, Index, type Shown } from './rows.js';
import { hex, type Meant, value } from './words.js';

/** Milliseconds between two refreshes; 0: only when asked. */
export const RATES: readonly number[] = [0, 1000, 250, 100];

/** What a key wants done on the card. */
export type Deed =
  | { readonly why: 'asked'; readonly offset: number; readonly width: Width }
  | {
      readonly why: 'edit';
      readonly offset: number;
      readonly width: Width;
      readonly value: bigint;
      readonly name: string;
    };

export type Typing = 'jump' | 'search' | 'edit';

export interface State extends Shown {
  /** Offset of the first row. */
  readonly top: number;
  /** Blocks on the screen that were read since they came there, or since the last refresh. */
  readonly fresh: ReadonlySet<number>;
  /** Counts the refreshes: an answer to an earlier one is no answer to this one. */
  readonly turn: number;
  /** What is read is one look with what was read before, as at a rate: changes since it began stay marked. */
  readonly same: boolean;
  /** Which of RATES. */
  readonly rate: number;
  readonly typing: { readonly what: Typing; readonly text: string } | undefined;
  readonly note: { readonly text: string; readonly look: Look } | undefined;
  /** The page of the help that is shown, from 1; or 0. */
  readonly help: number;
  readonly hunt: Hunt | undefined;
  /** What was looked for last. */
  readonly needle: Uint8Array | undefined;
  readonly deed: Deed | undefined;
  /** It asks whether it may write; it may. */
  readonly asking: boolean;
  readonly may: boolean;
  /** An answer is long in coming. */
  readonly busy: boolean;
  /** Why nothing is read any more. */
  readonly over: string | undefined;
}

export type Change = Partial<State>;

export function begun(browsed: Browsed, may: boolean): State {
  const { offset, width, registers } = browsed;
  const cursor = offset - (offset % (width / 8));
  return {
    ...{
      browsed,
      index: new Index(registers),
      seen: new Seen(),
      width,
      big: false,
      cursor,
      focus: offset,
      top: offset - (offset % 16),
    },
    ...{ fresh: new Set(), turn: 0, same: false, rate: 0, typing: undefined, note: undefined, help: 0 },
    ...{ hunt: undefined, needle: undefined, deed: undefined, asking: false, may, busy: false },
    over: undefined,
  };
}

export const say = (text: string, look: Look = 'warn'): Change => ({ note: { text, look } });

/** What an edit changes: the register under the cursor, with its own width, or the bare number. */
export interface Target {
  readonly name: string;
  readonly offset: number;
  readonly width: Width;
  readonly register: BrowsedRegister | undefined;
}

export function target(state: State): Target {
  const { cursor, width } = state;
  const [register] = beneath(state);
  return register
    ? { name: register.name, offset: register.offset, width: register.width, register }
    : { name: hex(cursor), offset: cursor, width, register };
}

/** What was typed, as a value for the target. */
export function typedValue(state: State, text: string): Meant<bigint> {
  const { offset, width, register } = target(state);
  const item = state.seen.item(offset, width / 8, state.big);
  return value(text, width, register, item.state === KNOWN || item.state === KEPT ? item.value : undefined);
}

/** The cursor at an offset, or as near as there is; the rows scrolled so that `top` comes first, if it can. */
export function to({ browsed, width }: State, offset: number, top: number): Change {
  const focus = Math.max(0, Math.min(offset, browsed.size - 1));
  return { focus, cursor: focus - (focus % (width / 8)), top: Math.max(0, top) };
}

/** What is where on a terminal. */
export interface Place {
  readonly grid: Grid;
  /** Offset of the first row, so that the cursor is on the screen. */
  readonly top: number;
  /** Rows of numbers. */
  readonly body: number;
  /** The register under the cursor, below them. */
  readonly panel: readonly Line[];
  /** What is visible: bytes from `top` to this offset. */
  readonly end: number;
}

export function placed(state: State, size: Size): Place {
  const { browsed, width, cursor } = state;
  const grid = gridOf(browsed, width, size.columns);
  const all = decoded(state, size.columns);
  const room = Math.max(0, Math.min(all.length, Math.floor((size.rows - 2) / 2)));
  const panel: Line[] = all.slice(0, room);
  if (room > 0 && room < all.length) panel[room - 1] = [span(`… ${all.length - room + 1} more lines`, 'dim')];
  const body = Math.max(1, size.rows - 2 - panel.length);
  const here = cursor - (cursor % grid.row);
  const lowest = here - (body - 1) * grid.row;
  const last = Math.max(0, Math.ceil(browsed.size / grid.row) - body) * grid.row;
  const wanted = Math.min(last, Math.max(state.top - (state.top % grid.row), lowest));
  const top = Math.max(0, Math.min(here, wanted));
  return { grid, top, body, panel, end: Math.min(browsed.size, top + body * grid.row) };
}
