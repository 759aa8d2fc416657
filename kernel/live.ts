/** `watch()`: one output that is drawn again and again, for as long as its cell runs, or longer; and what cells change of watched registers. */
import { differing, type Snapshot } from '../lib/snapshot.js';
import { uses } from '../lib/uses.js';
import { type CellLike, View } from '../lib/view.js';
import type { Cell } from './cell.js';
import { DISPLAY } from './display.js';
import { Watched } from './watched.js';

export interface WatchOptions {
  /** Milliseconds; or after each cell. */
  readonly every?: number | 'cell';
  readonly keep?: boolean;
  readonly pause?: boolean;
  readonly title?: string;
}

/** A picture of a watch that outlives its cell, or the last one of it: front ends that pin it take it off then. */
export type Standing = 'kept' | 'ended';

/** Milliseconds between two drawings, and the fewest. */
const EVERY = 250;
const LEAST = 20;

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

/** While a cell runs: how often each card had been touched before it began, and by looks since. */
let before: Map<string, number> | undefined;

/** A cell begins to run. */
export function cellBegins(): void {
  before = new Map(uses());
  for (const watch of kept) watch.begin();
}

/** It has ended; what has changed meanwhile of the registers that are watched, undefined where nothing has. */
export function cellEnds(): View | undefined {
  before = undefined;
  const changes = new Map([...kept].flatMap((watch) => watch.changes()).map((change) => [change.path, change]));
  const regions = new Set([...changes.values()].map(({ region }) => region));
  const rows = [...changes.values()].map(({ region, name, row }): CellLike[] => [
    { text: regions.size > 1 ? `${region} ${name}` : name, tone: 'name' },
    ...row,
  ]);
  return rows.length > 0 ? new View('', [], rows) : undefined;
}

/** A register that is not as it was. */
interface Change {
  readonly region: string;
  readonly name: string;
  readonly path: string;
  readonly row: readonly CellLike[];
}

function changesOf(earlier: Snapshot, later: Snapshot): Change[] {
  const known = new Map(earlier.readings.map((reading) => [reading.name, reading]));
  return later.readings.flatMap((reading): Change[] => {
    const { name } = reading;
    const past = known.get(name);
    const fields = past && differing(past, reading);
    if (!fields) return [];
    const was = `0x${past.raw?.toString(16)} → `;
    const text = `${was}0x${reading.raw?.toString(16)}`;
    const row = [{ text, changed: [[was.length, text.length] as const] }, fields.join(', ')];
    return [{ region: later.path, name, path: `${later.path} ${name}`, row }];
  });
}

export class Watch implements PromiseLike<void> {
  readonly id: string;
  readonly #draw: Parts['draw'];
  readonly #watched: Watched;
  readonly #ended: Promise<void>;
  readonly #keep: boolean;
  readonly #pause: boolean;
  /** It looks after each cell only, and its registers are not drawn. */
  readonly #quiet: boolean;
  /** The cards that its last look touched. */
  #cards: ReadonlySet<string> = new Set();
  #settle: (error?: unknown) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #running = true;
  #awaited = false;
  #drawn: string | undefined;
  #picture: unknown;
  /** As they were at the last look, and when the cell began that runs. */
  #registers: Snapshot | undefined;
  #earlier: Snapshot | undefined;

  constructor(source: unknown, options: WatchOptions, { cell, id, draw, fail, ...usual }: Parts) {
    const { every = EVERY, pause = false, title } = options;
    const quiet = every === 'cell';
    if (!quiet && !(every >= 0))
      throw new RangeError(`watch: every ${String(every)}: give milliseconds, or 'cell' for after each cell`);
    this.id = id;
    this.#quiet = quiet;
    this.#pause = pause;
    this.#keep = quiet || (options.keep ?? usual.keep);
    this.#draw = draw;
    this.#watched = new Watched(source, title);
    this.#ended = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.#ended.catch((error) => this.#awaited || error === cell?.signal.reason || fail(error));
    if (this.#keep) kept.add(this);
    else cell?.onEnd(() => this.stop());
    cell?.signal.addEventListener('abort', () => this.#end(cell.signal.reason), { once: true });
    const next = (): void => {
      if (quiet || !this.#running) return;
      this.#timer = setTimeout(() => void this.#look().then(next, (error) => this.#end(error)), Math.max(LEAST, every));
    };
    try {
      // What cannot be read at all is an error here and now.
      const first = this.#read();
      if (first instanceof Promise) first.then((value) => this.#show(value)).then(next, (error) => this.#end(error));
      else {
        this.#show(first);
        next();
      }
    } catch (error) {
      kept.delete(this);
      this.#running = false;
      throw error;
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

  /** A cell begins: what it changes is told at its end. */
  begin(): void {
    this.#earlier = this.#registers;
  }

  /** A cell has ended: a look at registers, and what has changed of them. */
  changes(): readonly Change[] {
    if (!this.#quiet && !this.#registers) return [];
    try {
      const value = this.#read();
      if (value instanceof Promise) value.then((late) => this.#running && this.#show(late)).catch((e) => this.#end(e));
      else this.#show(value);
    } catch (error) {
      this.#end(error);
      return [];
    }
    return this.#earlier && this.#registers ? changesOf(this.#earlier, this.#registers) : [];
  }

  #end(error?: unknown): void {
    if (!this.#running) return;
    this.#running = false;
    kept.delete(this);
    clearTimeout(this.#timer);
    if (this.#keep && this.#drawn !== undefined) this.#draw(this.#picture, false, 'ended');
    this.#settle(error);
  }

  /** What it reads is not the cell's work. */
  #read(): unknown {
    const past = uses();
    try {
      return this.#watched.read();
    } finally {
      const cards = new Set<string>();
      for (const [path, count] of uses()) {
        const by = count - (past.get(path) ?? 0);
        if (by > 0) cards.add(path);
        before?.set(path, (before.get(path) ?? 0) + by);
      }
      this.#cards = cards;
    }
  }

  /** A cell runs that has touched what a look would touch. */
  get #inTheWay(): boolean {
    const now = uses();
    return before !== undefined && [...this.#cards].some((path) => now.get(path) !== before?.get(path));
  }

  async #look(): Promise<void> {
    if (this.#pause && this.#inTheWay) {
      this.#put(paused(this.#picture));
      return;
    }
    const value = await this.#read();
    if (this.#running) this.#show(value);
  }

  #show(value: unknown): void {
    const { picture, registers } = this.#watched.look(value);
    this.#registers = registers;
    this.#earlier ??= registers;
    this.#picture = this.#quiet && registers ? notice(registers) : picture;
    this.#put(this.#picture);
  }

  #put(picture: unknown): void {
    const drawn = picture instanceof View ? JSON.stringify(picture) : undefined;
    if (drawn !== undefined && drawn === this.#drawn) return;
    const first = this.#drawn === undefined;
    this.#drawn = drawn ?? '';
    this.#draw(picture, first, this.#keep ? 'kept' : undefined);
  }
}

/** Of registers that are looked at after each cell. */
function notice({ path, readings }: Snapshot): View {
  const names = readings.length === 1 ? readings[0]?.name : `${readings.length} registers`;
  return new View(`${path}: ${names}, after each cell`, [], []);
}

function paused(picture: unknown): unknown {
  if (!(picture instanceof View)) return picture;
  return picture.with({ title: `${picture.title} (paused)`.trim() });
}
