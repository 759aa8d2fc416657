/**
 * The browser: a region, full screen. A pure state machine: keys and the kernel's answers in, the next state out. What it needs read or
 * written it says (`wants`); browsing.ts asks the kernel for it.
 */

import type { BrowseAnswer, Browsed, WriteAnswer } from '../../kernel/client.js';
import type { Width } from '../../lib/backend.js';
import type { Key } from '../keys.js';
import { type Line, span } from '../line.js';
import type { FullScreen, Size } from '../whole.js';
import { BLOCK, blocksIn } from './bytes.js';
import { Hunt } from './hunt.js';
import { command, edit, refresh } from './keys.js';
import { footLine, headLine, helpLines, helpPages, typeKey } from './line.js';
import { rowAt } from './rows.js';
import { begun, type Change, type Deed, placed, RATES, type State, say, to } from './state.js';
import { hex, swapped } from './words.js';

/** What is to be asked of the kernel, and what for. `end`: of what is visible; behind the last whole number nothing can be read. */
export type Wanted = (
  | {
      readonly why: 'look';
      readonly offset: number;
      readonly length: number;
      readonly end: number;
      readonly width: Width;
    }
  | { readonly why: 'hunt'; readonly offset: number; readonly length: number; readonly width: Width }
  | Deed
) & { readonly turn: number };

/** Keys that stop what is under way. */
const STOPS: ReadonlySet<string> = new Set(['escape', 'C-c', 'C-g']);

export class Browser implements FullScreen {
  readonly #state: State;
  /** The same in all states of one browser. */
  readonly #self: symbol;

  private constructor(state: State, self: symbol = Symbol('browser')) {
    this.#state = state;
    this.#self = self;
  }

  /** @param may it may write without asking: it was allowed before */
  static of(browsed: Browsed, may: boolean): Browser {
    return new Browser(begun(browsed, may));
  }

  #with(change: Change): Browser {
    return new Browser({ ...this.#state, ...change }, this.#self);
  }

  /** Whether this is another state of the same browser. */
  follows(other: Browser): boolean {
    return this.#self === other.#self;
  }

  /** Writing has been allowed. */
  get may(): boolean {
    return this.#state.may;
  }

  /** Milliseconds between two refreshes, or 0. */
  get rate(): number {
    return this.#state.over === undefined ? (RATES[this.#state.rate] ?? 0) : 0;
  }

  lines(size: Size): Line[] {
    const state = this.#state;
    const { columns: room, rows } = size;
    const foot = footLine(state, room).line;
    if (rows < 3) return [foot];
    if (state.help > 0) return [headLine(state, room), ...helpLines(state.help, size), foot];
    const { grid, top, body, panel, end } = placed(state, size);
    const shown: Line[] = [];
    for (let at = top; at < end; at += grid.row) shown.push(rowAt(state, grid, at, room));
    while (shown.length < body) shown.push([span('~', 'dim')]);
    return [headLine(state, room), ...shown, ...panel, foot];
  }

  /** Where the terminal's cursor belongs: behind what is being typed. */
  cursor({ columns: room, rows }: Size): { readonly x: number; readonly y: number } {
    return { x: footLine(this.#state, room).cursor, y: rows < 3 ? 0 : rows - 1 };
  }

  press(key: Key, size: Size): Browser | undefined {
    const state = this.#state;
    const place = placed(state, size);
    if (state.typing) return this.#with(typeKey(state, key, place.top));
    const [first = '', ...more] = key.name === 'text' ? [...key.text] : [key.name];
    // Keys that arrive in one piece are keys nevertheless.
    if (more.length > 0) {
      const next = this.press({ name: 'text', text: first }, size);
      return next?.press({ name: 'text', text: more.join('') }, size);
    }
    if (state.help > 0) {
      const more = STOPS.has(first) || state.help >= helpPages(size) ? 0 : state.help + 1;
      return this.#with({ help: more });
    }
    if (state.hunt && STOPS.has(first)) return this.#with({ hunt: undefined, ...say('stopped looking', 'dim') });
    // Pressed again, it is meant for what will have been found.
    if (state.hunt && (first === 'n' || first === 'N')) return this;
    if (state.asking) {
      const may = first === 'y' || first === 'Y';
      const asked = { asking: false, may };
      return this.#with({ ...asked, ...(may ? edit({ ...state, may }) : say('nothing is written', 'dim')) });
    }
    const change = command(first, state, place);
    return change && this.#with({ note: undefined, ...change });
  }

  /** What is on the screen is to be read again, as one look with what was read before. */
  refreshed(): Browser {
    return this.#with(refresh(this.#state, true));
  }

  /** An answer is long in coming. */
  waiting(): Browser {
    return this.#with({ busy: true });
  }

  /** There is nobody to ask any more. What was seen stays. */
  ended(why: string): Browser {
    const stopped = { busy: false, hunt: undefined, deed: undefined, asking: false, typing: undefined };
    return this.#with({ ...stopped, over: this.#state.over ?? why });
  }

  /** On a screen of that size: what is no longer visible is read again when it comes back. */
  on(size: Size): Browser {
    const { top, end } = placed(this.#state, size);
    const { fresh } = this.#state;
    const left = new Set([...blocksIn(top, end)].filter((block) => fresh.has(block)));
    return left.size === fresh.size ? this : this.#with({ fresh: left, same: false });
  }

  /** What is to be asked next: what a key wants done, then what is looked for, then what is visible and not yet read. */
  wants(size: Size): Wanted | undefined {
    const { deed, hunt, over, width, turn, fresh, browsed } = this.#state;
    if (over !== undefined) return undefined;
    if (deed) return { ...deed, turn };
    if (hunt) return { why: 'hunt', ...hunt.chunk(width / 8), width, turn };
    const { top, end } = placed(this.#state, size);
    const missing = [...blocksIn(top, end)].filter((block) => !fresh.has(block));
    const [first] = missing;
    const last = missing.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const to = Math.min(browsed.size, last + BLOCK);
    return { why: 'look', offset: first, length: to - first - ((to - first) % (width / 8)), end: to, width, turn };
  }

  /** The kernel has answered. */
  heard(wanted: Wanted, answer: BrowseAnswer): Browser {
    const next = this.#with({ busy: false });
    if (answer.gone !== undefined) return next.ended(answer.gone);
    if (answer.act === 'write') return wanted.why === 'edit' ? next.#wrote(wanted, answer) : next;
    const { turn, same, fresh, hunt, width, seen } = next.#state;
    const { failure } = answer;
    const look = { ...answer, offset: wanted.offset, bytes: Buffer.from(answer.bytes, 'base64') };
    if (wanted.why === 'hunt') return hunt ? next.#hunted(hunt.heard(look)) : next;
    const said = failure === undefined ? {} : say(failure);
    if (wanted.why === 'asked') return next.#with({ seen: seen.with(look, true, true), deed: undefined, ...said });
    // Read with a width that is another by now.
    if (wanted.why !== 'look' || wanted.width !== width) return next;
    const read = [...blocksIn(wanted.offset, wanted.end)];
    return next.#with({
      seen: seen.with(look, !same),
      ...(wanted.turn === turn && { fresh: new Set([...fresh, ...read]) }),
      ...said,
    });
  }

  #hunted(found: number | Hunt | undefined): Browser {
    if (found instanceof Hunt) return this.#with({ hunt: found });
    const stopped = { hunt: undefined };
    if (found === undefined) return this.#with({ ...stopped, ...say('it is not there') });
    const here = to(this.#state, found, this.#state.top);
    return this.#with({ ...stopped, ...here, ...say(`found at ${hex(found)}`, 'dim') });
  }

  /** Says what was read back, and reads what is on the screen again: a write may change other registers too. */
  #wrote(
    { name, value, width }: Extract<Deed, { why: 'edit' }>,
    { value: back, unread, failure }: WriteAnswer,
  ): Browser {
    const { big } = this.#state;
    const next = this.#with({ deed: undefined, ...refresh(this.#state, false) });
    if (failure !== undefined) return next.#with(say(failure, 'bad'));
    const wrote = `wrote ${hex(swapped(value, width, big))} to ${name}`;
    if (back === undefined) return next.#with(say(`${wrote}; not read back${unread ? `: ${unread}` : ''}`, 'warn'));
    const reads = `${wrote}, reads ${hex(swapped(BigInt(back), width, big))}`;
    return next.#with(say(reads, BigInt(back) === value ? 'good' : 'warn'));
  }
}
