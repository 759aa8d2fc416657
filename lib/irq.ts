/** Interrupts: enabled vectors, whose firings are counted by the kernel in eventfds and waited for here. */
import type { Backend, Eventfd, IrqInfo, IrqName } from './backend.js';
import { cellSignal, progress } from './cell.js';
import { ClosedError, type LabError, UsageError } from './errors.js';
import { Histogram } from './histogram.js';
import { label, silent } from './silence.js';
import { ownedByThread } from './thread.js';
import { Unmasker } from './unmask.js';
import { type Uses, usesOf } from './uses.js';
import { Shown, VIEW, View } from './view.js';

export interface WaitOptions {
  /** Milliseconds. Default 10,000; `Infinity` waits until it is interrupted. */
  readonly timeout?: number;
  /** Aborting it ends the wait with its reason. Default: the signal of the running cell, where there is one. */
  readonly signal?: AbortSignal | undefined;
}

export interface BenchOptions extends WaitOptions {
  /** How often it is fired. Default 1000. `timeout` is each firing's own. */
  readonly count?: number;
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
  readonly resolve: (firing: Firing) => void;
  readonly reject: (error: unknown) => void;
}

/** The longest delay that setTimeout takes. */
const TIMEOUT_MAX = 2 ** 31 - 1;
/** Firings before those that a bench counts. */
const WARM_UP = 20;

/** One enabled interrupt vector. `dev.enableIrqs()` makes them, `dev.disableIrqs()` and `dev.close()` end them. */
export class Irq extends Shown {
  readonly kind: IrqName;
  /** 0-based. */
  readonly vector: number;
  /** '0000:03:00.0/msi[0]'. */
  readonly path: string;
  readonly #backend: Backend;
  readonly #info: IrqInfo;
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
  #masked = false;
  #unmasker: Unmasker | undefined;
  #closed: LabError | undefined;

  /** Users come by an Irq through `dev.enableIrqs()`. */
  constructor(backend: Backend, info: IrqInfo, vector: number, eventfd: Eventfd) {
    super();
    this.#backend = backend;
    this.#info = info;
    this.kind = info.name;
    this.vector = vector;
    this.path = `${backend.path}/${info.name}[${vector}]`;
    this.#eventfd = eventfd;
    this.#uses = usesOf(backend.path);
    this.#uses.timers++;
    ownedByThread(this, this.path);
    eventfd.onReady(() => this.#drain());
  }

  /** How often it has fired since it was enabled. Up to date even in a loop that never awaits; touches no register. */
  get count(): number {
    this.#drain();
    return this.#total;
  }

  /**
   * When the eventfd was last drained with a firing in it: `process.hrtime.bigint()`, monotonic nanoseconds; undefined before that. Not
   * when the interrupt fired, which was earlier: the event loop may have been busy.
   */
  get drainedAt(): bigint | undefined {
    this.#drain();
    return this.#drainedAt;
  }

  /**
   * Nanoseconds that the last firing took which `wait()` took or `trigger()` made: from the last write to the card's registers before it
   * (or from `trigger()`; where nothing was written since the firing before, from the call of `wait()`) to its drain. Undefined before that.
   *
   * @example edu.FACTORIAL.write(10); await irq.wait(); irq.latency
   */
  get latency(): number | undefined {
    this.#drain();
    return this.#latency;
  }

  /** INTx only: masked by the kernel since it last fired, or by `mask()`. */
  get masked(): boolean {
    this.#drain();
    return this.#masked;
  }

  /** False once it was disabled, or the device closed. */
  get enabled(): boolean {
    return this.#closed === undefined;
  }

  /**
   * Waits until the interrupt fires; returns at once if it has fired since the last wait. Several waits queue, first come first
   * served, and each takes at least one firing; the last in the queue takes all that are there.
   *
   * @returns how many firings this wait took, at least 1.
   * @throws TimeoutError at the deadline, naming the causes that can be seen (it then reads COMMAND and the vector's mask);
   * ClosedError when the interrupt is disabled or the device closed meanwhile; the signal's reason when it is aborted.
   * @example await irq.wait({ timeout: 1000 })
   */
  async wait(options: WaitOptions = {}): Promise<number> {
    const { count } = await Irq.#wait([this], options, this.wait);
    return count;
  }

  /**
   * Yields the number of firings each time there are some, until the interrupt is disabled. No deadline by default: an
   * interrupted cell, or `signal`, ends it.
   *
   * @example for await (const count of irq) console.log(count)
   */
  async *events(options: WaitOptions = {}): AsyncGenerator<number, void, undefined> {
    for await (const { count } of Irq.firings([this], options)) yield count;
  }

  [Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> {
    return this.events();
  }

  /** `waitAny()` is how users say it. */
  static async waitAny(irqs: readonly Irq[], options: WaitOptions = {}): Promise<Firing> {
    return await Irq.#wait(irqs, options, Irq.waitAny);
  }

  /** `firings()` is how users say it. */
  static async *firings(irqs: readonly Irq[], options: WaitOptions = {}): AsyncGenerator<Firing, void, undefined> {
    let turn = irqs.filter((irq) => irq.enabled);
    while (turn.length > 0) {
      let firing: Firing;
      try {
        firing = await Irq.#wait(turn, { timeout: Number.POSITIVE_INFINITY, ...options }, Irq.firings);
      } catch (error) {
        if (turn.every((irq) => error !== irq.#closed)) throw error;
        turn = turn.filter((irq) => irq.enabled);
        continue;
      }
      yield firing;
      // Whoever fired is looked at last, so that one that never rests hides no other.
      turn = [...turn.filter((irq) => irq !== firing.irq), firing.irq].filter((irq) => irq.enabled);
    }
  }

  /** A place in the queues of all of these at once: the first that fires serves it, and it leaves the others as they were. */
  static #wait(irqs: readonly Irq[], options: WaitOptions, asked: (...args: never[]) => unknown): Promise<Firing> {
    const { timeout = 10_000, signal = cellSignal() } = options;
    const [first] = irqs;
    if (first === undefined) {
      const reason = 'no interrupts to wait for';
      return Promise.reject(new UsageError({ path: 'waitAny', attempted: 'wait', reason, hint: 'give at least one' }));
    }
    if (typeof timeout !== 'number' || Number.isNaN(timeout) || timeout < 0) {
      return Promise.reject(first.#refusal('wait', `timeout ${String(timeout)}`, 'give milliseconds, or Infinity'));
    }
    for (const irq of irqs) if (irq.#closed !== undefined) return Promise.reject(irq.#closed);
    if (signal?.aborted) return Promise.reject(signal.reason);
    const began = performance.now();
    // Whoever takes them as they come expects none at any time.
    const time = (irq: Irq) => (asked === Irq.firings ? undefined : irq.#time(began));
    for (const irq of irqs) {
      irq.#drain();
      if (irq.#pending === 0 || irq.#waiters.length > 0) continue;
      time(irq);
      return Promise.resolve(irq.#take(irq.#pending));
    }
    const caller: { stack?: string } = {};
    Error.captureStackTrace(caller, asked);
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        for (const irq of irqs) {
          const index = irq.#waiters.indexOf(waiter);
          if (index !== -1) irq.#waiters.splice(index, 1);
          if (irq.#waiters.length === 0) irq.#eventfd.unref();
        }
      };
      const waiter: Waiter = {
        resolve: (firing) => {
          leave();
          time(firing.irq);
          resolve(firing);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = () => waiter.reject(signal?.reason);
      const expire = () => {
        for (const irq of irqs) {
          irq.#drain(); // the loop may have been busy while it fired
          if (!first.#waiters.includes(waiter)) return;
        }
        const error = silent(first.#backend, irqs, timeout);
        // A timer's own stack says nothing: show where the wait was called.
        error.stack = `${error.name}: ${error.message}\n${caller.stack?.replace(/^.*\n/, '')}`;
        waiter.reject(error);
      };
      const timer =
        timeout === Number.POSITIVE_INFINITY ? undefined : setTimeout(expire, Math.min(timeout, TIMEOUT_MAX));
      signal?.addEventListener('abort', abort, { once: true });
      for (const irq of new Set(irqs)) {
        irq.#waiters.push(waiter);
        irq.#eventfd.ref();
      }
    });
  }

  /**
   * Masks INTx in the kernel.
   *
   * @throws UsageError for MSI and MSI-X, which VFIO cannot mask: the kernel answers ENOTTY. Ref: VFIO_IRQ_SET_ACTION_MASK
   */
  mask(): void {
    this.#checkMaskable('mask');
    this.#backend.setIrqs(this.#info.index, 'mask', this.vector, { none: 1 });
    this.#masked = true;
  }

  /**
   * Unmasks INTx, which the kernel masks each time it fires. Acknowledge the interrupt in the device first: with the line still
   * asserted it fires again at once.
   *
   * @throws UsageError for MSI and MSI-X, which VFIO cannot mask: the kernel answers ENOTTY. Ref: VFIO_IRQ_SET_ACTION_UNMASK
   */
  unmask(): void {
    this.#checkMaskable('unmask');
    this.#drain();
    this.#masked = false;
    this.#backend.setIrqs(this.#info.index, 'unmask', this.vector, { none: 1 });
  }

  /**
   * An eventfd that unmasks INTx when it is written to: for a worker or another process that acknowledges the device and cannot call
   * `unmask()`. One at a time; it ends with the vector.
   *
   * @throws UsageError for MSI and MSI-X, and where there is one already; SystemError. Ref: VFIO_IRQ_SET_ACTION_UNMASK, DATA_EVENTFD
   * @example
   * using unmasker = irq.unmaskBy()
   * unmasker.signal()
   */
  unmaskBy(): Unmasker {
    this.#checkMaskable('unmaskBy');
    if (this.#unmasker !== undefined && !this.#unmasker.closed) {
      throw this.#refusal('unmaskBy', 'an eventfd unmasks it already', 'close() that one first');
    }
    const eventfd = this.#backend.eventfd();
    const listen = (to: Eventfd | undefined) =>
      this.#backend.setIrqs(this.#info.index, 'unmask', this.vector, { eventfds: [to] });
    try {
      listen(eventfd);
    } catch (error) {
      eventfd.close();
      throw error;
    }
    const onSignal = () => {
      this.#drain();
      this.#masked = false;
    };
    this.#unmasker = new Unmasker(this.path, eventfd, onSignal, () => listen(undefined));
    return this.#unmasker;
  }

  /** Fires the vector's eventfd from software, without the device: a self-test of the path. Ref: VFIO_IRQ_SET_ACTION_TRIGGER */
  trigger(): void {
    this.#checkOpen('trigger');
    this.#triggeredAt = performance.now();
    this.#backend.setIrqs(this.#info.index, 'trigger', this.vector, { none: 1 });
    this.#triggered++;
  }

  /**
   * How long it takes from a firing in the kernel to the line after `await irq.wait()`: fires the vector from software, without the
   * device, over and over. The device should be quiet meanwhile: its own firings are taken too.
   *
   * @returns a histogram of nanoseconds: `min`, `median`, `p99`, `max`, `samples`, and a picture.
   * @throws UsageError where somebody waits for the vector, or for a count that makes no sense; as `wait()` and `trigger()` do.
   * @example await irq.bench({ count: 500 })
   */
  async bench(options: BenchOptions = {}): Promise<Histogram> {
    const { count = 1000, ...wait } = options;
    this.#checkOpen('bench');
    if (!Number.isSafeInteger(count) || count < 1) {
      throw this.#refusal('bench', `count ${String(count)}`, 'give how often to fire, at least 1');
    }
    if (this.#waiters.length > 0) {
      throw this.#refusal('bench', 'somebody waits for this vector', 'let that wait end, or abort it, first');
    }
    this.#drain();
    this.#pending = 0;
    const samples: number[] = [];
    const bar = progress(`bench ${this.path}`, count);
    try {
      for (let i = -WARM_UP; i < count; i++) {
        const woken = this.wait(wait);
        const fired = process.hrtime.bigint();
        try {
          this.trigger();
        } catch (error) {
          woken.catch(() => {});
          throw error;
        }
        await woken;
        if (i >= 0) samples.push(Number(process.hrtime.bigint() - fired));
        bar.step(samples.length);
      }
    } finally {
      bar.end();
    }
    return new Histogram(`${this.path}, trigger to wake`, samples);
  }

  /** Ends the vector: waits fail with `reason`. The device disarms it; users call `dev.disableIrqs()`. */
  end(reason: LabError): void {
    if (this.#closed !== undefined) return;
    this.#drain();
    this.#closed = reason;
    this.#uses.timers--;
    this.#unmasker?.end();
    this.#eventfd.close();
    for (const waiter of [...this.#waiters]) waiter.reject(reason);
  }

  [VIEW](): View {
    const state = this.#closed !== undefined ? 'disabled' : this.#masked ? 'masked' : 'enabled';
    const tone = state === 'enabled' ? 'good' : state === 'masked' ? 'warn' : 'dim';
    return new View(
      '',
      [],
      [
        [
          { text: this.path, tone: 'name' },
          { text: state, tone },
          `fired ${this.#total}`,
          `waiting ${this.#waiters.length}`,
        ],
      ],
    );
  }

  #drain(): void {
    if (this.#closed !== undefined) return;
    const fired = this.#eventfd.drain();
    if (fired === 0) return;
    this.#drainedAt = process.hrtime.bigint();
    const cause = Math.max(this.#uses.wroteAt, this.#triggeredAt);
    this.#cause = cause > this.#drained ? cause : 0;
    this.#drained = performance.now();
    if (this.#triggered > 0) this.#time(0);
    this.#total += fired;
    this.#pending += fired;
    if (this.#info.automasked && fired > this.#triggered) this.#masked = true;
    this.#triggered = Math.max(0, this.#triggered - fired);
    while (this.#pending > 0) {
      const waiter = this.#waiters[0];
      if (waiter === undefined) return;
      waiter.resolve(this.#take(this.#waiters.length === 1 ? this.#pending : 1));
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
    return { irq: this, count, drainedAt: this.#drainedAt ?? 0n };
  }

  #checkOpen(attempted: string): void {
    if (this.#closed === undefined) return;
    const { reason, hint } = this.#closed;
    throw new ClosedError({ path: this.path, attempted, reason, hint });
  }

  #checkMaskable(attempted: string): void {
    this.#checkOpen(attempted);
    if (this.#info.maskable) return;
    throw this.#refusal(
      attempted,
      `VFIO masks INTx only, not ${label(this.kind)}: the kernel answers ENOTTY`,
      "mask it in the device's own registers",
    );
  }

  #refusal(attempted: string, reason: string, hint: string): UsageError {
    return new UsageError({ path: this.path, attempted, reason, hint });
  }
}

/**
 * Waits until one of several interrupts fires, of one device or of several; returns at once if one has fired since it was last waited
 * for. Takes firings from that one alone: the others keep theirs.
 *
 * @returns which it was, how often it had fired, and when that was drained.
 * @throws UsageError for no interrupts at all; else as `irq.wait()` does.
 * @example const { irq, count } = await waitAny(dev.enableIrqs('msix', 4), { timeout: 1000 })
 */
export const waitAny = (irqs: readonly Irq[], options: WaitOptions = {}): Promise<Firing> => Irq.waitAny(irqs, options);

/**
 * The firings of several interrupts as they come, none of them starved by another that never rests; until all of them are disabled. No
 * deadline by default: an interrupted cell, or `signal`, ends it.
 *
 * @example for await (const { irq, count, drainedAt } of firings(irqs)) console.log(irq.vector, count)
 */
export const firings = (irqs: readonly Irq[], options: WaitOptions = {}): AsyncGenerator<Firing, void, undefined> =>
  Irq.firings(irqs, options);
