/** Interrupts: enabled vectors, whose firings are counted by the kernel in eventfds and waited for here. */
import { type Backend, type Eventfd, IRQ, type IrqInfo, type IrqName, REGION } from './backend.js';
import { ClosedError, type LabError, TimeoutError, UsageError } from './errors.js';
import { Shown, VIEW, View } from './view.js';

export interface WaitOptions {
  /** Milliseconds. Default 10,000; `Infinity` waits until it is interrupted. */
  readonly timeout?: number;
  /** Aborting it ends the wait with its reason. Default: the signal of the running cell, where there is one. */
  readonly signal?: AbortSignal | undefined;
}

/** Where the notebook kernel leaves the signal that is aborted when the running cell is interrupted. */
const CELL_SIGNAL = Symbol.for('vfiolab.signal');

interface Waiter {
  readonly resolve: (count: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The longest delay that setTimeout takes. */
const TIMEOUT_MAX = 2 ** 31 - 1;

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
  #masked = false;
  #closed: LabError | undefined;

  constructor(backend: Backend, info: IrqInfo, vector: number, eventfd: Eventfd) {
    super();
    this.#backend = backend;
    this.#info = info;
    this.kind = info.name;
    this.vector = vector;
    this.path = `${backend.path}/${info.name}[${vector}]`;
    this.#eventfd = eventfd;
    eventfd.onReady(() => this.#drain());
  }

  /** How often it has fired since it was enabled. Up to date even in a loop that never awaits; touches no register. */
  get count(): number {
    this.#drain();
    return this.#total;
  }

  /** INTx only: masked by the kernel since it last fired, or by `mask()`. */
  get masked(): boolean {
    this.#drain();
    return this.#masked;
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
  wait(options: WaitOptions = {}): Promise<number> {
    const {
      timeout = 10_000,
      signal = (globalThis as Record<symbol, unknown>)[CELL_SIGNAL] as AbortSignal | undefined,
    } = options;
    if (typeof timeout !== 'number' || Number.isNaN(timeout) || timeout < 0) {
      return Promise.reject(this.#refusal('wait', `timeout ${String(timeout)}`, 'give milliseconds, or Infinity'));
    }
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.#drain();
    if (this.#pending > 0 && this.#waiters.length === 0) {
      const count = this.#pending;
      this.#pending = 0;
      return Promise.resolve(count);
    }
    const caller: { stack?: string } = {};
    Error.captureStackTrace(caller, this.wait);
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const index = this.#waiters.indexOf(waiter);
        if (index !== -1) this.#waiters.splice(index, 1);
        if (this.#waiters.length === 0) this.#eventfd.unref();
      };
      const waiter: Waiter = {
        resolve: (count) => {
          leave();
          resolve(count);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      const abort = () => waiter.reject(signal?.reason);
      const expire = () => {
        this.#drain(); // the loop may have been busy while it fired
        if (!this.#waiters.includes(waiter)) return;
        const error = this.#timeoutError(timeout);
        // A timer's own stack says nothing: show where the wait was called.
        error.stack = `${error.name}: ${error.message}\n${caller.stack?.replace(/^.*\n/, '')}`;
        waiter.reject(error);
      };
      const timer =
        timeout === Number.POSITIVE_INFINITY ? undefined : setTimeout(expire, Math.min(timeout, TIMEOUT_MAX));
      signal?.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
      this.#eventfd.ref();
    });
  }

  /**
   * Yields the number of firings each time there are some, until the interrupt is disabled. No deadline by default: an
   * interrupted cell, or `signal`, ends it.
   *
   * @example for await (const count of irq) console.log(count)
   */
  async *events(options: WaitOptions = {}): AsyncGenerator<number, void, undefined> {
    while (this.#closed === undefined) {
      try {
        yield await this.wait({ timeout: Number.POSITIVE_INFINITY, ...options });
      } catch (error) {
        if (error === this.#closed) return;
        throw error;
      }
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> {
    return this.events();
  }

  /** Masks INTx in the kernel. @throws UsageError for MSI and MSI-X, which VFIO cannot mask. Ref: VFIO_IRQ_SET_ACTION_MASK */
  mask(): void {
    this.#checkMaskable('mask');
    this.#backend.setIrqs(this.#info.index, 'mask', this.vector, { none: 1 });
    this.#masked = true;
  }

  /**
   * Unmasks INTx, which the kernel masks each time it fires. Acknowledge the interrupt in the device first: with the line still
   * asserted it fires again at once.
   *
   * @throws UsageError for MSI and MSI-X, which VFIO cannot mask. Ref: VFIO_IRQ_SET_ACTION_UNMASK
   */
  unmask(): void {
    this.#checkMaskable('unmask');
    this.#drain();
    this.#masked = false;
    this.#backend.setIrqs(this.#info.index, 'unmask', this.vector, { none: 1 });
  }

  /** Fires the vector's eventfd from software, without the device: a self-test of the path. Ref: VFIO_IRQ_SET_ACTION_TRIGGER */
  trigger(): void {
    this.#checkOpen('trigger');
    this.#backend.setIrqs(this.#info.index, 'trigger', this.vector, { none: 1 });
  }

  /** Ends the vector: waits fail with `reason`. The device disarms it; users call `dev.disableIrqs()`. */
  end(reason: LabError): void {
    if (this.#closed !== undefined) return;
    this.#drain();
    this.#closed = reason;
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
    this.#total += fired;
    this.#pending += fired;
    if (this.#info.automasked) this.#masked = true;
    while (this.#pending > 0) {
      const waiter = this.#waiters[0];
      if (waiter === undefined) return;
      const taken = this.#waiters.length === 1 ? this.#pending : 1;
      this.#pending -= taken;
      waiter.resolve(taken);
    }
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
      `VFIO masks INTx only, not ${label(this.kind)}`,
      "mask it in the device's own registers",
    );
  }

  #refusal(attempted: string, reason: string, hint: string): UsageError {
    return new UsageError({ path: this.path, attempted, reason, hint });
  }

  #timeoutError(timeout: number): TimeoutError {
    const causes = this.#causes();
    return new TimeoutError({
      path: this.path,
      attempted: 'wait',
      reason: `no interrupt within ${timeout} ms${causes.length === 0 ? '' : `: ${causes.map((cause) => cause.what).join('; ')}`}`,
      hint:
        causes[0]?.cure ??
        "check the device's own interrupt enable and status registers; irq.trigger() tests the path from the kernel to here",
    });
  }

  /** The usual reasons for silence that can be seen from outside the device. */
  #causes(): { what: string; cure: string }[] {
    const causes: { what: string; cure: string }[] = [];
    let command: number;
    try {
      command = this.#backend.read(REGION.CONFIG, 0x04, 16) as number;
    } catch (error) {
      return [{ what: `COMMAND cannot be read (${(error as Error).message})`, cure: 'is the card still there?' }];
    }
    if (command === 0xffff)
      return [{ what: 'config space reads all-ones', cure: 'is the card still there, and powered?' }];
    if (this.kind === 'intx' && (command & COMMAND_INTX_DISABLE) !== 0) {
      causes.push({
        what: 'INTx is disabled (COMMAND.INTX_DISABLE)',
        cure: 'dev.config.registers(HEADER).COMMAND.modify({ INTX_DISABLE: 0 })',
      });
    }
    if (this.kind !== 'intx' && (command & COMMAND_MASTER) === 0) {
      causes.push({
        what: `bus mastering is off, and ${label(this.kind)} is a bus write`,
        cure: 'dev.busMaster(true)',
      });
    }
    if (this.#masked)
      causes.push({
        what: 'the vector is masked since it last fired',
        cure: 'acknowledge it in the device, then irq.unmask()',
      });
    return causes;
  }
}

const COMMAND_MASTER = 1 << 2;
const COMMAND_INTX_DISABLE = 1 << 10;

/** 'INTx', 'MSI', 'MSI-X', …: as the specification writes it. */
export const label = (kind: IrqName): string =>
  ({ intx: 'INTx', msi: 'MSI', msix: 'MSI-X', err: 'ERR', req: 'REQ' })[kind];

/** Enables vectors 0 to `count` - 1 of one kind; `dev.enableIrqs()` is how users say it. */
export function enableIrqs(backend: Backend, kind: IrqName, count: number): [Irq, ...Irq[]] {
  const refusal = (reason: string, hint: string) =>
    new UsageError({ path: backend.path, attempted: 'enableIrqs', reason, hint });
  const has = backend.irqs.map((info) => `${label(info.name)} (${info.count})`).join(', ') || 'no interrupts';
  if (!Object.hasOwn(IRQ, kind))
    throw refusal(`unknown kind '${String(kind)}'`, "use 'intx', 'msi', 'msix', 'err' or 'req'");
  const info = backend.irqs.find((candidate) => candidate.name === kind);
  if (info === undefined) throw refusal(`the device has no ${label(kind)}`, `it has ${has}`);
  if (!Number.isInteger(count) || count < 1 || count > info.count)
    throw refusal(`${String(count)} vectors of ${label(kind)}`, `it has ${has}`);
  const eventfds: Eventfd[] = [];
  try {
    while (eventfds.length < count) eventfds.push(backend.eventfd());
    backend.setIrqs(info.index, 'trigger', 0, { eventfds });
  } catch (error) {
    for (const eventfd of eventfds) eventfd.close();
    throw error;
  }
  return eventfds.map((eventfd, vector) => new Irq(backend, info, vector, eventfd)) as [Irq, ...Irq[]];
}
