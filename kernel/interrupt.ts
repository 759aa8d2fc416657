/**
 * Stopping a cell, from the io thread, in three steps: main is told (the cell's signal aborts, and it is given up); the guard
 * in every loop sees the shared flag; and where main stays deaf (a regular expression, a loop in a library) V8 terminates
 * what runs. Native code that never returns needs a restart.
 */
import { Session } from 'node:inspector';
import { setTimeout as sleep } from 'node:timers/promises';
import { SHARED } from './threads.js';

/** How long main may stay deaf before V8 terminates what it runs, in milliseconds. */
const PATIENCE = 500;
const STEP = 10;
const SIGINT = 2;

export class Interrupter {
  readonly #shared: Int32Array;
  readonly #tellMain: () => void;
  readonly #runs: () => number | undefined;
  readonly #refuse: () => void;
  #running: Promise<void> | undefined;
  /** The last cell that was not to be terminated. */
  #refused: number | undefined;

  /**
   * @param runs the number of the cell that runs
   * @param refuse tells, once for a cell, that it cannot be stopped
   */
  constructor(shared: Int32Array, tellMain: () => void, runs: () => number | undefined, refuse: () => void) {
    this.#refuse = refuse;
    this.#shared = shared;
    this.#tellMain = tellMain;
    this.#runs = runs;
  }

  /** Resolves when main has heard it, or cannot. */
  interrupt(): Promise<void> {
    // Not the cell that runs when main has heard it: that may be the next one.
    const cell = this.#runs();
    this.#running ??= this.#steps().finally(() => {
      this.#running = undefined;
      void this.#insist(cell);
    });
    return this.#running;
  }

  /** Main hears it, and gives the cell up soon, unless a callback of the cell holds it meanwhile. */
  async #insist(cell: number | undefined): Promise<void> {
    if (cell === undefined) return;
    await sleep(PATIENCE);
    if (this.#runs() === cell) void this.interrupt();
  }

  async #steps(): Promise<void> {
    const before = Atomics.load(this.#shared, SHARED.HEARD);
    const heard = async (within: number): Promise<boolean> => {
      for (let waited = 0; waited < within; waited += STEP) {
        if (Atomics.load(this.#shared, SHARED.HEARD) !== before) return true;
        await sleep(STEP);
      }
      return Atomics.load(this.#shared, SHARED.HEARD) !== before;
    };
    Atomics.store(this.#shared, SHARED.STOP, 1);
    this.#tellMain();
    if (await heard(PATIENCE)) return;
    if (Atomics.load(this.#shared, SHARED.HOOKED) !== 0) {
      const cell = this.#runs();
      if (this.#refused !== cell) this.#refuse();
      this.#refused = cell;
      return;
    }
    const inspector = new Session();
    inspector.connectToMainThread();
    inspector.post('Runtime.terminateExecution', () => {});
    await heard(2 * PATIENCE);
    inspector.disconnect();
  }
}

/**
 * Node gives signals to main only, which may be spinning: here libuv's own watcher hears it, on this thread's loop.
 *
 * @returns false where Node does not let us at it (24 and later): sigint.ts then.
 */
export function onSigint(callback: () => void): boolean {
  const silenced = process.noDeprecation ?? false;
  process.noDeprecation = true;
  try {
    const binding = (process as unknown as { binding(name: string): unknown }).binding('signal_wrap');
    const { Signal } = binding as { Signal: new () => { onsignal: () => void; start(signal: number): number } };
    const watcher = new Signal();
    watcher.onsignal = callback;
    return watcher.start(SIGINT) === 0;
  } catch {
    return false;
  } finally {
    process.noDeprecation = silenced;
  }
}
