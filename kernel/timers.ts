/**
 * Timers and immediates of cells: what they call belongs to the cell that set them, on every line of Node, and one that an
 * interrupt ended does not come again.
 */
import { promisify } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import type { Context } from './output.js';
import { KeyboardInterrupt } from './trace.js';

type Callback = (...args: unknown[]) => void;

export function replaceTimers(context: Context): void {
  const { setTimeout, setInterval, clearInterval } = globalThis;
  const timer =
    (set: typeof setTimeout | typeof setInterval) =>
    (callback: Callback, delay?: number, ...args: unknown[]) => {
      if (typeof callback !== 'function') return set(callback as never, delay as number);
      const { cell } = context;
      const made: NodeJS.Timeout = set(
        function (this: unknown, ...given: unknown[]) {
          try {
            context.within(cell, () => callback.apply(this, given));
          } catch (error) {
            if (error instanceof KeyboardInterrupt) clearInterval(made);
            throw error;
          }
        },
        delay,
        ...args,
      );
      return made;
    };
  define('setTimeout', Object.defineProperties(timer(setTimeout), Object.getOwnPropertyDescriptors(setTimeout)));
  define('setInterval', Object.defineProperties(timer(setInterval), Object.getOwnPropertyDescriptors(setInterval)));
  replaceImmediates(context);
}

function define(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
}

/**
 * setImmediate on a MessagePort: terminating a cell while one of Node's own immediates is queued breaks Node's queue of them
 * for good.
 */
function replaceImmediates(context: Context): void {
  const { port1, port2 } = new MessageChannel();
  const waiting = new Map<object, () => void>();
  const order: object[] = [];
  port1.on('message', () => {
    const due = order.shift();
    const run = due && waiting.get(due);
    if (due) waiting.delete(due);
    run?.();
  });
  const set = (callback: Callback, ...args: unknown[]): object => {
    const { cell } = context;
    const immediate = {
      ref: () => immediate,
      unref: () => immediate,
      hasRef: () => true,
      [Symbol.dispose]: () => clear(immediate),
    };
    waiting.set(immediate, () => context.within(cell, () => callback(...args)));
    order.push(immediate);
    port2.postMessage(0);
    return immediate;
  };
  const clear = (immediate: object): void => {
    waiting.delete(immediate);
  };
  define(
    'setImmediate',
    Object.assign(set, { [promisify.custom]: (value: unknown) => new Promise((done) => set(done, value)) }),
  );
  define('clearImmediate', clear);
}
