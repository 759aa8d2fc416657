/** `watch()`: one output that is drawn again and again, for as long as its cell runs. */
import { View, type ViewData, viewOf } from '../lib/view.js';
import { BoundRegister, RegisterBlock } from '../lib/registers.js';
import { snapshot } from '../lib/snapshot.js';
import type { Cell } from './cell.js';
import { DISPLAY } from './display.js';

export interface WatchOptions {
  readonly every?: number;
  readonly keep?: boolean;
}

/** A picture of a watch that outlives its cell, or the last one of it: front ends that pin it take it off then. */
export type Standing = 'kept' | 'ended';

/** Milliseconds between two drawings, and the fewest. */
const EVERY = 250;
const LEAST = 20;
/** For so long a change stays lit, in milliseconds. */
const LIT = 1000;

/** The display's id tells a front end that this is one. */
export const WATCH_ID = 'watch:';

interface Parts {
  readonly cell: Cell | undefined;
  readonly id: string;
  /** What `keep` is where the options do not say. */
  readonly keep: boolean;
  /** Draws: at first, then in place. */
  readonly draw: (value: unknown, first: boolean, standing: Standing | undefined) => void;
  /** Of what goes wrong when nobody waits for it. */
  readonly fail: (error: unknown) => void;
}

/** The watches that outlive their cells. */
const kept = new Set<Watch>();

/** Ends them: an interrupt while no cell runs. */
export function endWatches(): void {
  for (const watch of kept) watch.stop();
}

export class Watch implements PromiseLike<void> {
  readonly id: string;
  readonly #draw: Parts['draw'];
  readonly #read: () => unknown;
  readonly #ended: Promise<void>;
  readonly #history: { readonly at: number; readonly view: ViewData }[] = [];
  #settle: (error?: unknown) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #running = true;
  #awaited = false;
  #drawn: string | undefined;
  #picture: unknown;
  readonly #keep: boolean;

  constructor(source: unknown, options: WatchOptions, { cell, id, draw, fail, ...usual }: Parts) {
    const { every = EVERY, keep = usual.keep } = options;
    if (!(every >= 0)) throw new RangeError(`watch: every ${String(every)}: give milliseconds`);
    this.id = id;
    this.#keep = keep;
    if (keep) kept.add(this);
    this.#draw = draw;
    this.#read = reader(source);
    this.#ended = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#ended.catch((error) => this.#awaited || error === cell?.signal.reason || fail(error));
    if (!keep) cell?.onEnd(() => this.stop());
    cell?.signal.addEventListener('abort', () => this.#end(cell.signal.reason), { once: true });
    const next = (): void => {
      this.#timer = setTimeout(() => void this.#look().then(next, (error) => this.#end(error)), Math.max(LEAST, every));
    };
    // What cannot be read at all is an error here and now.
    const first = this.#read();
    if (first instanceof Promise) first.then((value) => this.#show(value)).then(next, (error) => this.#end(error));
    else {
      this.#show(first);
      next();
    }
  }

  get running(): boolean {
    return this.#running;
  }

  /** Ends it; what is shown stays, as it is now. */
  stop(): void {
    if (!this.#running) return;
    clearTimeout(this.#timer);
    try {
      const last = this.#read();
      if (!(last instanceof Promise)) this.#show(last);
    } catch {
      // The card was closed, say: the last picture stays.
    }
    this.#end();
  }

  /** Waiting for it is waiting for its end. */
  // biome-ignore lint/suspicious/noThenProperty: it is awaited
  then<A, B>(
    resolve?: ((value: undefined) => A | PromiseLike<A>) | null,
    reject?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#awaited = true;
    return this.#ended.then(resolve as () => A, reject);
  }

  /** As a cell's value it is waited for: the cell runs on; but not for one that is kept. */
  async [DISPLAY](): Promise<null> {
    if (!this.#keep) await this;
    return null;
  }

  #end(error?: unknown): void {
    if (!this.#running) return;
    this.#running = false;
    kept.delete(this);
    clearTimeout(this.#timer);
    if (this.#keep && this.#drawn !== undefined) this.#draw(this.#picture, false, 'ended');
    this.#settle(error);
  }

  async #look(): Promise<void> {
    const value = await this.#read();
    if (this.#running) this.#show(value);
  }

  #show(value: unknown): void {
    const view = viewOf(value);
    const picture = view ? this.#lit(view) : value;
    const drawn = view ? JSON.stringify(picture) : undefined;
    if (drawn !== undefined && drawn === this.#drawn) return;
    const first = this.#drawn === undefined;
    this.#drawn = drawn ?? '';
    this.#picture = picture;
    this.#draw(picture, first, this.#keep ? 'kept' : undefined);
  }

  /** Cells that say something else than a moment ago are lit. */
  #lit(view: View): View {
    const now = performance.now();
    while (this.#history.length > 1 && (this.#history[1]?.at ?? now) < now - LIT) this.#history.shift();
    const before = this.#history[0]?.view;
    this.#history.push({ at: now, view });
    if (!before) return view;
    const rows = view.rows.map((row, y) =>
      row.map((cell, x) => {
        const then = before.rows[y]?.[x];
        return then && then.text !== cell.text ? ({ ...cell, tone: 'changed' } as const) : cell;
      }),
    );
    const { form, folds, plot } = view;
    return new View(view.title, view.head, rows, {
      ...(form && { form }),
      ...(folds && { folds }),
      ...(plot && { plot }),
    });
  }
}

/** Registers are read: all that reading does not change. Whatever else has a View draws itself, and a function is called. */
function reader(source: unknown): () => unknown {
  if (source instanceof RegisterBlock || source instanceof BoundRegister) return () => snapshot(source);
  if (typeof source === 'function') return () => source();
  return () => source;
}
