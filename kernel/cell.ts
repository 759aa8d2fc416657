/** One run of a cell on main: its number, its signal, and the promise that an interrupt settles. */
import { KeyboardInterrupt } from './trace.js';

export class Cell {
  readonly id: number;
  readonly silent: boolean;
  /** Not zero: its own loops stop, long after it was given up. */
  readonly stop = new Int32Array(1);
  /** Displays that take their time; the cell ends after them. */
  readonly pending: Promise<void>[] = [];
  /** Rejects when the cell is given up. */
  readonly interrupted: Promise<never>;
  readonly #controller = new AbortController();
  #reject: (error: Error) => void = () => {};
  readonly #ends: (() => void)[] = [];
  #settled = false;

  constructor(id: number, silent: boolean) {
    this.id = id;
    this.silent = silent;
    this.interrupted = new Promise((_, reject) => {
      this.#reject = reject;
    });
    this.interrupted.catch(() => {});
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** What is to happen when it ends, before its end is told. */
  onEnd(callback: () => void): void {
    if (this.#settled) callback();
    else this.#ends.push(callback);
  }

  settle(): void {
    this.#settled = true;
    for (const end of this.#ends.splice(0)) end();
  }

  /** Asks whatever it waits for to end. */
  abort(): void {
    this.#controller.abort(new KeyboardInterrupt());
  }

  /** Settles it, whatever it does. */
  giveUp(): void {
    if (this.#settled) return;
    this.stop[0] = 1;
    this.#reject(new KeyboardInterrupt());
  }
}
