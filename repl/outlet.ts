/**
 * The outlet: what is said waits here until the screen has taken what came before, and keys are heard in between. Where a terminal cannot
 * keep up with a flood of output, the oldest of what waits is left out, and that is said.
 */
import type { Output } from '../kernel/client.js';
import { type Entry, finish, hear, shownEntry } from './transcript.js';

/** A display that can be updated. */
export interface Panel {
  readonly id: string;
  readonly entry: Entry;
  /** It outlives its cell. */
  readonly kept: boolean;
}

/** UTF-16 units given to the screen at once: a terminal takes this long enough for a key to wait, and no longer. */
const AT_ONCE = 1 << 16;
/** More than this does not wait. */
const AT_MOST = 4 << 20;
/** What is kept of a flood. */
export const KEPT = 1 << 18;

const size = (entry: Entry): number => (entry.kind === 'text' ? entry.text.length + 1 : 0);

export class Outlet {
  readonly #take: (entries: readonly Entry[]) => void;
  #waiting: Entry[] = [];
  #size = 0;
  /** Lines that were left out and not mentioned yet. */
  #omitted = 0;
  #busy = false;
  readonly #onChange: () => void;
  #partial = '';
  #panels: readonly Panel[] = [];

  /** `take` is given what is said next, `onChange` is called when the unfinished line or a panel changes. */
  constructor(take: (entries: readonly Entry[]) => void, onChange: () => void = () => {}) {
    this.#take = take;
    this.#onChange = onChange;
  }

  /** What the running cell shows and may yet change, oldest first. */
  get panels(): readonly Panel[] {
    return this.#panels;
  }

  /** The line of output that has begun and not ended. */
  get partial(): string {
    return this.#partial;
  }

  #begin(partial: string): void {
    if (partial === this.#partial) return;
    this.#partial = partial;
    this.#onChange();
  }

  push(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#waiting.push(entry);
      this.#size += size(entry);
    }
    if (this.#size > AT_MOST) this.trim(KEPT);
    if (!this.#busy) this.#next();
  }

  /** What a cell gives. A display that can be updated is a panel until its cell ends. */
  hear(output: Output): void {
    if (output.type === 'display' || output.type === 'update') {
      const { displayId: id, standing } = output;
      const known = this.#panels.some((panel) => panel.id === id);
      if (id !== undefined && (known || output.type === 'display')) {
        const panel = { id, entry: shownEntry(output), kept: standing === 'kept' };
        this.#pin(known ? this.#panels.map((each) => (each.id === id ? panel : each)) : [...this.#panels, panel]);
        if (standing === 'ended') this.#settle((each) => each.id === id);
        return;
      }
    }
    const { entries, partial } = hear(this.partial, output);
    this.#begin(partial);
    this.push(entries);
  }

  #pin(panels: readonly Panel[]): void {
    this.#panels = panels;
    this.#onChange();
  }

  /** The cell has ended: what its panels show is said for good; `all`: those that outlive their cells, too. */
  settle(all = false): void {
    this.finish();
    this.#settle(({ kept }) => all || !kept);
  }

  #settle(which: (panel: Panel) => boolean): void {
    const settled = this.#panels.filter(which);
    if (settled.length === 0) return;
    this.#pin(this.#panels.filter((panel) => !which(panel)));
    this.push(settled.map(({ entry }) => entry));
  }

  /** Something that begins on a line of its own. */
  show(entry: Entry): void {
    this.finish();
    this.push([entry]);
  }

  /** The prompt itself speaks. */
  note(text: string, bad = false): void {
    this.show({ kind: 'note', text, bad });
  }

  /** Ends a line of output that has begun, for what is said next to begin its own. */
  finish(): void {
    const ended = finish(this.partial);
    this.#begin('');
    this.push(ended);
  }

  /** Leaves out the oldest output that waits, until at most `kept` units are left. */
  trim(kept: number): void {
    if (this.#size <= kept) return;
    this.#waiting = this.#waiting.filter((entry) => {
      if (entry.kind !== 'text' || this.#size <= kept) return true;
      this.#size -= size(entry);
      this.#omitted += entry.text.split('\n').length;
      return false;
    });
  }

  #next(): void {
    const taken: Entry[] = [];
    if (this.#omitted > 0) taken.push({ kind: 'note', text: `${this.#omitted} lines are left out here` });
    this.#omitted = 0;
    let length = 0;
    while (length < AT_ONCE) {
      const entry = this.#waiting.shift();
      if (!entry) break;
      taken.push(entry);
      length += size(entry);
    }
    this.#size -= length;
    this.#busy = taken.length > 0;
    if (!this.#busy) return;
    setImmediate(() => this.#next());
    this.#take(taken);
  }
}
