/** Unmasking INTx without a call: an eventfd that the kernel listens to, for another thread or process to write to. */
import type { Eventfd } from './backend.js';
import { ClosedError } from './errors.js';
import { Shown, VIEW, View } from './view.js';

/** Users come by one through `irq.unmaskBy()`. Ref: VFIO_IRQ_SET_ACTION_UNMASK with DATA_EVENTFD, eventfd(2) */
export class Unmasker extends Shown {
  /** '0000:03:00.0/intx[0]'. */
  readonly path: string;
  readonly #eventfd: Eventfd;
  readonly #onSignal: () => void;
  readonly #disarm: () => void;
  #closed = false;

  constructor(path: string, eventfd: Eventfd, onSignal: () => void, disarm: () => void) {
    super();
    this.path = path;
    this.#eventfd = eventfd;
    this.#onSignal = onSignal;
    this.#disarm = disarm;
  }

  /** The eventfd. Writing a 64-bit 1 to it, from any thread or process that has it, unmasks. */
  get fd(): number {
    this.#checkOpen('fd');
    return this.#eventfd.fd;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Unmasks the line, as `irq.unmask()` does, by way of the eventfd. The kernel sees to it a moment later. @throws ClosedError */
  signal(): void {
    this.#checkOpen('signal');
    this.#onSignal();
    this.#eventfd.signal();
  }

  /** Has the kernel listen no more, and closes the eventfd. Closing twice is allowed. */
  close(): void {
    if (this.#closed) return;
    this.#disarm();
    this.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** The vector has ended, and what the kernel listened to with it. */
  end(): void {
    this.#closed = true;
    this.#eventfd.close();
  }

  [VIEW](): View {
    const state = this.#closed ? 'closed' : `unmasks when eventfd ${this.#eventfd.fd} is written`;
    return new View('', [], [[{ text: this.path, tone: 'name' }, state]]);
  }

  #checkOpen(attempted: string): void {
    if (!this.#closed) return;
    const hint = 'make another with irq.unmaskBy()';
    throw new ClosedError({ path: this.path, attempted, reason: 'the unmasker was closed', hint });
  }
}
