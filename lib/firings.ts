/**
 * The firings of one interrupt vector: the kernel counts them in an eventfd, here they are drained, timed, and taken by those who wait,
 * first come first served.
 */
import type { Backend, Eventfd } from './backend.js';
import { cellSignal } from './cell.js';
import { type LabError, UsageError } from './errors.js';
import type { Irq } from './irq.js';
import { silent } from './silence.js';
import { type Uses, usesOf } from './uses.js';

export interface WaitOptions {
  /** Milliseconds. Default 10,000; `Infinity` waits until it is interrupted. */
  readonly timeout?: number;
  /** Aborting it ends the wait with its reason. Default: the signal of the running cell, where there is one. */
  readonly signal?: AbortSignal | undefined;
}

/** What a wait took. */
export interface Firing {
  readonly irq: Irq;
  /** How often it had fired, at least 1. */
  readonly count: number;
  /** When the eventfd was drained: `process.hrtime.bigint()`, monotonic nanoseconds. The firing was earlier. */
  readonly drainedAt: bigint;
}

interface Waiter {
  /** So many of the firings are this one's. */
  readonly serve: (by: Firings, count: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The longest delay that setTimeout takes. */
const TIMEOUT_MAX = 2 ** 31 - 1;

export class Firings {
  readonly irq: Irq;
  /** By the kernel since it last fired, or by the user. */
  masked = false;
  readonly #backend: Backend;
  readonly #automasked: boolean;
  readonly #eventfd: Eventfd;
  readonly #waiters: Waiter[] = [];
  #total = 0;
  #pending = 0;
  #drainedAt: bigint | undefined;
  readonly #uses: Uses;
  /** The last drain, and what it came after, as performance.now() has them; 0: nothing was written or triggered since the one before. */
  #drained = 0;
  #cause = 0;
  #triggeredAt = 0;
  #latency: number | undefined;
  /** Fired by `trigger()`, and not drained yet: those mask nothing. */
  #triggered = 0;
  #ended: LabError | undefined;

  /** @param automasked the kernel masks it each time that it fires */
  constructor(irq: Irq, backend: Backend, eventfd: Eventfd, automasked: boolean) {
    this.irq = irq;
    this.#backend = backend;
    this.#eventfd = eventfd;
    this.#automasked = automasked;
    this.#uses = usesOf(backend.path);
    this.#uses.timers++;
    eventfd.onReady(() => this.drain());
  }

  /** All that were drained. */
  get total(): number {
    return this.#total;
  }

  /** As `irq.drainedAt` and `irq.latency` have them. */
  get drainedAt(): bigint | undefined {
    return this.#drainedAt;
  }

  get latency(): number | undefined {
    return this.#latency;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** With what waits have ended; undefined while the vector is enabled. */
  get ended(): LabError | undefined {
    return this.#ended;
  }

  drain(): void {
    if (this.#ended !== undefined) return;
    const fired = this.#eventfd.drain();
    if (fired === 0) return;
    this.#drainedAt = process.hrtime.bigint();
    const cause = Math.max(this.#uses.wroteAt, this.#triggeredAt);
    this.#cause = cause > this.#drained ? cause : 0;
    this.#drained = performance.now();
    if (this.#triggered > 0) this.#time(0);
    this.#total += fired;
    this.#pending += fired;
    if (this.#automasked && fired > this.#triggered) this.masked = true;
    this.#triggered = Math.max(0, this.#triggered - fired);
    while (this.#pending > 0) {
      const waiter = this.#waiters[0];
      if (waiter === undefined) return;
      waiter.serve(this, this.#waiters.length === 1 ? this.#pending : 1);
    }
  }

  /** Nobody is to have those that nobody has taken yet. */
  forget(): void {
    this.drain();
    this.#pending = 0;
  }

  /** Counts what `fire` does as a firing from software. */
  trigger(fire: () => void): void {
    this.#triggeredAt = performance.now();
    fire();
    this.#triggered++;
  }

  /** There are no more: waits fail with `reason`, and the eventfd is closed. */
  end(reason: LabError): void {
    this.drain();
    this.#ended = reason;
    this.#uses.timers--;
    this.#eventfd.close();
    for (const waiter of [...this.#waiters]) waiter.reject(reason);
  }

  /**
   * A place in the queues of all of these at once: the first that fires serves it, and it leaves the others as they were.
   *
   * @param asked what the user called
   * @param timed the firing is expected from now on: `latency` is to tell how long it took
   */
  static wait(
    all: readonly Firings[],
    options: WaitOptions,
    asked: (...args: never[]) => unknown,
    timed: boolean,
  ): Promise<Firing> {
    const { timeout = 10_000, signal = cellSignal() } = options;
    const [first] = all;
    if (first === undefined) {
      const reason = 'no interrupts to wait for';
      return Promise.reject(new UsageError({ path: 'waitAny', attempted: 'wait', reason, hint: 'give at least one' }));
    }
    if (typeof timeout !== 'number' || Number.isNaN(timeout) || timeout < 0) {
      const reason = `timeout ${String(timeout)}`;
      const hint = 'give milliseconds, or Infinity';
      return Promise.reject(new UsageError({ path: first.irq.path, attempted: 'wait', reason, hint }));
    }
    for (const each of all) if (each.#ended !== undefined) return Promise.reject(each.#ended);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const began = performance.now();
    for (const each of all) {
      each.drain();
      if (each.#pending === 0 || each.#waiters.length > 0) continue;
      if (timed) each.#time(began);
      return Promise.resolve(each.#take(each.#pending));
    }
    const caller: { stack?: string } = {};
    Error.captureStackTrace(caller, asked);
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        for (const each of all) {
          const index = each.#waiters.indexOf(waiter);
          if (index !== -1) each.#waiters.splice(index, 1);
          if (each.#waiters.length === 0) each.#eventfd.unref();
        }
      };
      const waiter: Waiter = {
        serve: (by, count) => {
          leave();
          if (timed) by.#time(began);
          resolve(by.#take(count));
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = () => waiter.reject(signal?.reason);
      const expire = () => {
        for (const each of all) {
          each.drain(); // the loop may have been busy while it fired
          if (!first.#waiters.includes(waiter)) return;
        }
        const irqs = all.map(({ irq }) => irq);
        const error = silent(first.#backend, irqs, timeout);
        // A timer's own stack says nothing: show where the wait was called.
        error.stack = `${error.name}: ${error.message}\n${caller.stack?.replace(/^.*\n/, '')}`;
        waiter.reject(error);
      };
      const timer =
        timeout === Number.POSITIVE_INFINITY ? undefined : setTimeout(expire, Math.min(timeout, TIMEOUT_MAX));
      signal?.addEventListener('abort', abort, { once: true });
      for (const each of new Set(all)) {
        each.#waiters.push(waiter);
        each.#eventfd.ref();
      }
    });
  }

  /** Those of all of these as they come, none of them starved by another that never rests; until all have ended. */
  static async *each(all: readonly Firings[], options: WaitOptions): AsyncGenerator<Firing, void, undefined> {
    const enabled = (some: readonly Firings[]) => some.filter(({ ended }) => ended === undefined);
    let turn = enabled(all);
    while (turn.length > 0) {
      let firing: Firing;
      try {
        // Whoever takes them as they come expects none at any time.
        firing = await Firings.wait(turn, { timeout: Number.POSITIVE_INFINITY, ...options }, Firings.each, false);
      } catch (error) {
        if (turn.every(({ ended }) => error !== ended)) throw error;
        turn = enabled(turn);
        continue;
      }
      yield firing;
      // Whoever fired is looked at last, so that one that never rests hides no other.
      const fired = ({ irq }: Firings) => irq === firing.irq;
      turn = enabled([...turn.filter((each) => !fired(each)), ...turn.filter(fired)]);
    }
  }

  /** The last firing was expected, from `began` on at the latest. */
  #time(began: number): void {
    const from = this.#cause > 0 ? this.#cause : began;
    if (from > 0 && from < this.#drained) this.#latency = Math.round((this.#drained - from) * 1e6);
  }

  /** So many of the pending firings, for one wait. */
  #take(count: number): Firing {
    this.#pending -= count;
    return { irq: this.irq, count, drainedAt: this.#drainedAt ?? 0n };
  }
}
