/** Waiting for what a device only shows in a register: polled, with a deadline, while everything else goes on. */
import { cellSignal } from './cell.js';
import { TimeoutError, UsageError } from './errors.js';

export interface UntilOptions {
  /** Milliseconds. Default 10,000; `Infinity` polls until it is interrupted. */
  readonly timeout?: number;
  /** Milliseconds between two looks. Default 1. */
  readonly every?: number;
  /** Aborting it ends the wait with its reason. Default: the signal of the running cell, where there is one. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks `condition` again and again until what it gives is true (not 0, not 0n, not empty), and gives that. Between two looks the event loop
 * runs: panels, completion and interrupts go on. It is asked once more after the deadline, so that a busy process misses nothing.
 *
 * @throws TimeoutError at the deadline, with the condition's own text and what it gave last; the signal's reason when it is aborted;
 * whatever `condition` throws.
 * @example await until(() => edu.STATUS.read().COMPUTING === 0, { timeout: 1000 })
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions = {}): Promise<T> {
  const { timeout = 10_000, every = 1, signal = cellSignal() } = options;
  if (!(timeout >= 0 && every >= 0)) {
    const reason = `timeout ${String(timeout)}, every ${String(every)}`;
    throw new UsageError({ path: 'until', attempted: 'wait', reason, hint: 'give milliseconds, from 0 on' });
  }
  const deadline = performance.now() + timeout;
  for (;;) {
    signal?.throwIfAborted();
    const late = performance.now() >= deadline;
    const value = await condition();
    if (value) return value;
    if (late) {
      throw new TimeoutError({
        path: 'until',
        attempted: source(condition),
        reason: `still ${shown(value)} after ${timeout} ms`,
        hint: 'read the registers that say why, or wait longer: { timeout: … }',
      });
    }
    await pause(Math.min(every, Math.max(0, deadline - performance.now())), signal);
  }
}

/** Ends early where the signal is aborted; `throwIfAborted` then says so. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done);
  });
}

/** `() => edu.STATUS.read().COMPUTING === 0` as `edu.STATUS.read().COMPUTING === 0`. */
const source = (condition: () => unknown): string =>
  String(condition)
    .replace(/^(async )?\(\) => /, '')
    .replace(/\s+/g, ' ')
    .slice(0, 100);

const shown = (value: unknown): string => (typeof value === 'bigint' ? `${value}n` : String(value));
