/** An enabled interrupt vector: what it has counted, waiting for it, masking and triggering it. */
import { type Backend, type Eventfd, type IrqInfo, type IrqName, irqLabel } from './backend.js';
import { progress } from './cell.js';
import { ClosedError, type LabError, UsageError } from './errors.js';
import { type Firing, Firings, type WaitOptions } from './firings.js';
import { Histogram } from './histogram.js';
import { ownedByThread } from './thread.js';
import { Unmasker } from './unmask.js';
import { Shown, VIEW, View } from './view.js';

export interface BenchOptions extends WaitOptions {
  /** How often it is fired. Default 1000. `timeout` is each firing's own. */
  readonly count?: number;
}

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
  readonly #firings: Firings;
  #unmasker: Unmasker | undefined;

  /** Users come by an Irq through `dev.enableIrqs()`. */
  constructor(backend: Backend, info: IrqInfo, vector: number, eventfd: Eventfd) {
    super();
    this.#backend = backend;
    this.#info = info;
    this.kind = info.name;
    this.vector = vector;
    this.path = `${backend.path}/${info.name}[${vector}]`;
    ownedByThread(this, this.path);
    this.#firings = new Firings(this, backend, eventfd, info.automasked);
  }

  /** How often it has fired since it was enabled. Up to date even in a loop that never awaits; touches no register. */
  get count(): number {
    this.#firings.drain();
    return this.#firings.total;
  }

  /**
   * When the eventfd was last drained with a firing in it: `process.hrtime.bigint()`, monotonic nanoseconds; undefined before that. Not
   * when the interrupt fired, which was earlier: the event loop may have been busy.
   */
  get drainedAt(): bigint | undefined {
    this.#firings.drain();
    return this.#firings.drainedAt;
  }

  /**
   * Nanoseconds that the last firing took which `wait()` took or `trigger()` made: from the last write to the card's registers before it
   * (or from `trigger()`; where nothing was written since the firing before, from the call of `wait()`) to its drain. Undefined before that.
   *
   * @example edu.FACTORIAL.write(10); await irq.wait(); irq.latency
   */
  get latency(): number | undefined {
    this.#firings.drain();
    return this.#firings.latency;
  }

  /** INTx only: masked by the kernel since it last fired, or by `mask()`. */
  get masked(): boolean {
    this.#firings.drain();
    return this.#firings.masked;
  }

  /** False once it was disabled, or the device closed. */
  get enabled(): boolean {
    return this.#firings.ended === undefined;
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
    const { count } = await Firings.wait([this.#firings], options, this.wait, true);
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
    const all = irqs.map((irq) => irq.#firings);
    return await Firings.wait(all, options, Irq.waitAny, true);
  }

  /** `firings()` is how users say it. */
  static firings(irqs: readonly Irq[], options: WaitOptions = {}): AsyncGenerator<Firing, void, undefined> {
    const all = irqs.map((irq) => irq.#firings);
    return Firings.each(all, options);
  }

  /**
   * Masks INTx in the kernel.
   *
   * @throws UsageError for MSI and MSI-X, which VFIO cannot mask: the kernel answers ENOTTY. Ref: VFIO_IRQ_SET_ACTION_MASK
   */
  mask(): void {
    this.#checkMaskable('mask');
    this.#backend.setIrqs(this.#info.index, 'mask', this.vector, { none: 1 });
    this.#firings.masked = true;
  }

  /**
   * Unmasks INTx, which the kernel masks each time it fires. Acknowledge the interrupt in the device first: with the line still
   * asserted it fires again at once.
   *
   * @throws UsageError for MSI and MSI-X, which VFIO cannot mask: the kernel answers ENOTTY. Ref: VFIO_IRQ_SET_ACTION_UNMASK
   */
  unmask(): void {
    this.#checkMaskable('unmask');
    this.#firings.drain();
    this.#firings.masked = false;
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
      this.#firings.drain();
      this.#firings.masked = false;
    };
    this.#unmasker = new Unmasker(this.path, eventfd, onSignal, () => listen(undefined));
    return this.#unmasker;
  }

  /** Fires the vector's eventfd from software, without the device: a self-test of the path. Ref: VFIO_IRQ_SET_ACTION_TRIGGER */
  trigger(): void {
    this.#checkOpen('trigger');
    this.#firings.trigger(() => this.#backend.setIrqs(this.#info.index, 'trigger', this.vector, { none: 1 }));
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
    if (this.#firings.waiting > 0) {
      throw this.#refusal('bench', 'somebody waits for this vector', 'let that wait end, or abort it, first');
    }
    this.#firings.forget();
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
      // Interrupted, it may have fired once more.
      this.#firings.forget();
    }
    return new Histogram(`${this.path}, trigger to wake`, samples);
  }

  /** Ends the vector: waits fail with `reason`. The device disarms it; users call `dev.disableIrqs()`. */
  end(reason: LabError): void {
    if (!this.enabled) return;
    this.#unmasker?.end();
    this.#firings.end(reason);
  }

  [VIEW](): View {
    const { total, waiting, masked } = this.#firings;
    const state = !this.enabled ? 'disabled' : masked ? 'masked' : 'enabled';
    const tone = state === 'enabled' ? 'good' : state === 'masked' ? 'warn' : 'dim';
    return new View(
      '',
      [],
      [[{ text: this.path, tone: 'name' }, { text: state, tone }, `fired ${total}`, `waiting ${waiting}`]],
    );
  }

  #checkOpen(attempted: string): void {
    const { ended } = this.#firings;
    if (ended === undefined) return;
    const { reason, hint } = ended;
    throw new ClosedError({ path: this.path, attempted, reason, hint });
  }

  #checkMaskable(attempted: string): void {
    this.#checkOpen(attempted);
    if (this.#info.maskable) return;
    throw this.#refusal(
      attempted,
      `VFIO masks INTx only, not ${irqLabel(this.kind)}: the kernel answers ENOTTY`,
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
