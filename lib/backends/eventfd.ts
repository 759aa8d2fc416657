/**
 * An eventfd: a counter in the kernel that an interrupt (or the simulator) adds to, watched by the event loop.
 *
 * Ref: eventfd(2)
 */
import type { Eventfd } from '../backend.js';
import { SystemError } from '../errors.js';
import { errnoName, libc, type Watch, watch } from '../native.js';

/** A counter is 8 bytes, in the machine's order. */
const counter = new BigUint64Array(new ArrayBuffer(8));
const counterBytes = new Uint8Array(counter.buffer);

/** Watches that are on: the event loop does not keep them from being collected. */
const watched = new Set<KernelEventfd>();

export class KernelEventfd implements Eventfd {
  readonly fd: number;
  #watch: Watch | undefined;
  #referenced = false;
  #closed = false;

  /** @throws SystemError where no fd is left (EMFILE, ENFILE). */
  constructor() {
    this.fd = libc().eventfd();
    if (this.fd < 0) {
      throw new SystemError({
        path: 'eventfd',
        attempted: 'eventfd',
        reason: 'the kernel gave no eventfd',
        errno: errnoName(-this.fd),
        hint: 'raise the limit of open files: ulimit -n',
      });
    }
  }

  drain(): number {
    if (this.#closed) return 0;
    return libc().read(this.fd, counterBytes, 8) === 8 ? Number(counter[0]) : 0;
  }

  /** Adds `count` to the counter, as an interrupt does: for the simulator. */
  signal(count = 1): void {
    if (this.#closed) return;
    counter[0] = BigInt(count);
    libc().write(this.fd, counterBytes, 8);
  }

  onReady(callback: (() => void) | undefined): void {
    if (this.#closed) return;
    if (callback === undefined) {
      this.#watch?.stop();
      watched.delete(this);
      return;
    }
    const onReadable = () => {
      try {
        callback();
      } catch (error) {
        // Thrown from here it would be lost.
        setImmediate(() => {
          throw error;
        });
      }
    };
    if (this.#watch) this.#watch.start(onReadable);
    else this.#watch = watch(this.fd, onReadable);
    watched.add(this);
    if (this.#referenced) this.#watch.ref();
    else this.#watch.unref();
  }

  ref(): void {
    this.#referenced = true;
    this.#watch?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#watch?.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The watch first: libuv aborts the process when a watched fd is closed under it.
    this.#watch?.close();
    this.#watch = undefined;
    watched.delete(this);
    libc().close(this.fd);
  }
}
