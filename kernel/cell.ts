/** One run of a cell on main: its number, its signal, and the promise that an interrupt settles. */
import { LINE } from './scope.js';
import { KeyboardInterrupt } from './trace.js';

export class Cell {
  readonly id: number;
  readonly silent: boolean;
  /** First word not zero: its own loops stop, once; those of a cell that was given up always. Second: where its top level is (guard.ts). */
  readonly stop = new Int32Array(2);
  readonly #written: (place: readonly [line: number, column: number]) => string;
  /** That of its last expression, where the cell had to say it itself (using.ts). */
  value: unknown;
  #givenUp = false;
  /** Displays that take their time; the cell ends after them. */
  readonly pending: Promise<void>[] = [];
  /** Rejects when the cell is given up. */
  readonly interrupted: Promise<never>;
  readonly #controller = new AbortController();
  #reject: (error: Error) => void = () => {};
  readonly #ends: (() => void)[] = [];
  #settled = false;

  /** @param written a place of its code, as a stack line tells it */
  constructor(id: number, silent: boolean, written: (place: readonly [line: number, column: number]) => string) {
    this.#written = written;
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
    this.stop[0] = 1;
    this.#controller.abort(this.#interrupt());
  }

  /** A loop has been stopped: `finally` may have loops of its own. */
  stopped(): void {
    if (!this.#givenUp) this.stop[0] = 0;
  }

  /** Settles it, whatever it does. */
  giveUp(): void {
    if (this.#settled) return;
    this.#givenUp = true;
    this.stop[0] = 1;
    this.#reject(this.#interrupt());
  }

  #interrupt(): KeyboardInterrupt {
    const error = new KeyboardInterrupt();
    const at = this.stop[1] ?? 0;
    if (at > 0)
      error.stack = `${error.name}: ${error.message}\n    at ${this.#written([at >> LINE, at % (1 << LINE)])}`;
    return error;
  }
}
