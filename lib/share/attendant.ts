/**
 * What looks after the cards of a process on a thread that is never busy: hears that a card is to go (REQ) or reports an error (ERR),
 * lets go of it at once, so that an unbind does not wait for what main is doing, and shares it with other processes.
 *
 * Letting go: the card's fd becomes one of /dev/null, its mapped BARs become pages that nobody may touch. Main then meets
 * faults and refusals, sees by the card's Fate what they mean, and closes.
 *
 * Ref: drivers/vfio/vfio_main.c: vfio_unregister_group_dev() waits for the last fd and mapping of the device
 */
import type { MessagePort } from 'node:worker_threads';
import { type Blow, Fate } from '../fate.js';
import {
  libc,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  O_RDWR,
  PROT_NONE,
  type Watch,
  watch,
} from '../native.js';
import { armBlow } from './arm.js';
import { type Share, Sharer } from './sharer.js';

/** What of a card keeps its driver from leaving it. */
export interface Holdings {
  readonly device: number;
  readonly mappings: readonly { readonly at: number; readonly size: number }[];
}

/** The fds of the eventfds that the kernel adds to. */
export type BlowFds = Readonly<Record<Blow, number | undefined>>;

export interface Charge {
  readonly id: number;
  /** A word of shared memory: how far it has come. */
  readonly stage: SharedArrayBuffer;
  readonly path: string;
  readonly fate: SharedArrayBuffer;
  readonly eventfds: BlowFds;
  readonly holdings?: Holdings | undefined;
  readonly share?: Share | undefined;
}

/** Its stages: asked for; watched over; left, with nothing held any more. Whoever waits for the last is notified. */
export const STAGE = { ASKED: 0, WATCHED: 1, LEFT: 2 } as const;

export type ToAttendant =
  | { readonly type: 'watch'; readonly charge: Charge }
  | { readonly type: 'leave'; readonly id: number };

export interface Blown {
  readonly id: number;
  readonly path: string;
  readonly blow: Blow;
  readonly at: number;
}

type Port = Pick<MessagePort, 'on' | 'postMessage'>;

/** @param onBlow called after main was told */
export function attend(port: Port, onBlow: (blown: Blown) => void = () => {}): void {
  const kept = new Map<number, Kept>();
  port.on('message', (message: ToAttendant) => {
    if (message.type === 'watch') {
      const { charge } = message;
      // Closed meanwhile, while this thread was starting.
      const stage = new Int32Array(charge.stage);
      if (Atomics.compareExchange(stage, 0, STAGE.ASKED, STAGE.WATCHED) !== STAGE.ASKED) return;
      const told = (blown: Blown): void => {
        port.postMessage(blown);
        onBlow(blown);
      };
      kept.set(charge.id, new Kept(charge, told));
      return;
    }
    const left = kept.get(message.id);
    kept.delete(message.id);
    left?.leave();
    left?.tellLeft();
  });
}

/** One card, for as long as it is open. */
class Kept {
  readonly #charge: Charge;
  readonly #fate: Fate;
  readonly #onBlow: (blown: Blown) => void;
  readonly #watches: Watch[] = [];
  readonly #sharer: Sharer | undefined;
  #left = false;

  constructor(charge: Charge, onBlow: (blown: Blown) => void) {
    this.#charge = charge;
    this.#onBlow = onBlow;
    this.#fate = new Fate(charge.fate);
    for (const blow of ['req', 'err'] as const) {
      const fd = charge.eventfds[blow];
      if (fd === undefined) continue;
      this.#watches.push(
        watch(fd, () => {
          libc().read(fd, counter, counter.length);
          const at = Date.now();
          this.#sharer?.tell(blow, at);
          this.#blown(blow, at);
        }),
      );
    }
    this.#sharer =
      charge.share &&
      new Sharer(
        charge.share,
        (blow, at) => this.#blown(blow, at),
        (device) => this.#arm(device),
      );
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    for (const each of this.#watches) each.close();
    this.#sharer?.close();
  }

  tellLeft(): void {
    const stage = new Int32Array(this.#charge.stage);
    Atomics.store(stage, 0, STAGE.LEFT);
    Atomics.notify(stage, 0);
  }

  #blown(blow: Blow, at: number): void {
    if (this.#left) return;
    if (blow !== 'err') {
      this.#fate.lose(at);
      this.leave();
      if (this.#charge.holdings) letGo(this.#charge.holdings);
    }
    this.#onBlow({ id: this.#charge.id, path: this.#charge.path, blow, at });
  }

  /** The process that had the kernel tell it is gone. */
  #arm(device: number): void {
    for (const blow of ['req', 'err'] as const) {
      const fd = this.#charge.eventfds[blow];
      if (fd !== undefined) armBlow(device, blow, fd);
    }
  }
}

const counter = new Uint8Array(new ArrayBuffer(8));

function letGo({ device, mappings }: Holdings): void {
  const nothing = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  for (const { at, size } of mappings) libc().mmap(at, size, PROT_NONE, nothing, -1, 0);
  const none = libc().open('/dev/null', O_RDWR);
  libc().replace(device, none);
  libc().close(none);
}
