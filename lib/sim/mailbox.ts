/**
 * One request at a time between the thread that holds a simulated device and the thread that is it, through shared
 * memory: neither needs its event loop. Both spin for a moment, then sleep.
 */
import { availableParallelism } from 'node:os';
import type { IrqAction } from '../backend.js';
import { REASONS, type Reason } from './refusal.js';

export const OP = {
  read: 1,
  write: 2,
  readBlock: 3,
  writeBlock: 4,
  dmaMap: 5,
  dmaUnmap: 6,
  setIrqs: 7,
  reset: 8,
  close: 9,
} as const;
export type Op = (typeof OP)[keyof typeof OP];

/** How arguments travel. */
export const ACTIONS: readonly IrqAction[] = ['mask', 'unmask', 'trigger'];
export const ACCESS = { read: 1, write: 2 } as const;
export const DATA = { none: 0, bools: 1, eventfds: 2 } as const;

/** Whose turn it is. */
const CALLER = 0;
const DEVICE = 1;
const GONE = 2;
const STARTING = 3;

/** Words of 32 bits, then of 64, then bytes. */
const TURN = 0;
const OPERATION = 1;
const REASON = 2;
const THREAD = 3;
const NUMBERS = 4;
const WIDE_AT = 64;
const BYTES_AT = 128;
export const BLOCK_SIZE = 0x1_0000;

/** A few microseconds, some turns of a tight polling loop; alone on a processor nobody else could move meanwhile. */
const SPINS = availableParallelism() > 1 ? 5_000 : 0;

/** TextEncoder refuses shared memory. */
const scratch = new Uint8Array(1024);

export class Mailbox {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** What travels with a request and with its answer. */
  readonly numbers: Uint32Array;
  readonly wide: BigUint64Array;
  readonly bytes: Uint8Array;

  constructor(shared: SharedArrayBuffer = new SharedArrayBuffer(BYTES_AT + BLOCK_SIZE)) {
    this.shared = shared;
    this.#words = new Int32Array(shared, 0, WIDE_AT / 4);
    this.numbers = new Uint32Array(shared, NUMBERS * 4, WIDE_AT / 4 - NUMBERS);
    this.wide = new BigUint64Array(shared, WIDE_AT, (BYTES_AT - WIDE_AT) / 8);
    this.bytes = new Uint8Array(shared, BYTES_AT, BLOCK_SIZE);
  }

  // The caller's end.

  /** Before the device's thread is started. */
  expect(): void {
    Atomics.store(this.#words, TURN, STARTING);
  }

  /** Waits until the device is there; false when it went at once. `patience` is as for `answer`. */
  started(milliseconds: number, patience: () => void): boolean {
    this.#await(STARTING, milliseconds, patience);
    return Atomics.load(this.#words, TURN) !== GONE;
  }

  /** Posts a request. */
  post(op: Op): void {
    this.#words[OPERATION] = op;
    // It is the device's turn, unless the device is gone.
    if (Atomics.exchange(this.#words, TURN, DEVICE) === GONE) Atomics.store(this.#words, TURN, GONE);
    Atomics.notify(this.#words, TURN);
  }

  /**
   * Waits until the device has answered. `patience` is called each `milliseconds` of waiting and may throw.
   * @returns why the device refuses it
   */
  answer(milliseconds: number, patience: () => void): Reason | 'gone' | undefined {
    this.#await(DEVICE, milliseconds, patience);
    return this.gone ? 'gone' : REASONS[(this.#words[REASON] ?? 0) - 1];
  }

  /** The system's number of the device's thread; 0 before it started. */
  get thread(): number {
    return Atomics.load(this.#words, THREAD);
  }

  get gone(): boolean {
    return Atomics.load(this.#words, TURN) === GONE;
  }

  /** Why the device is gone: its last words, where it had any, until the next request is written over them. */
  get lastWords(): string | undefined {
    if (!this.gone) return undefined;
    return new TextDecoder().decode(this.bytes.slice(0, this.numbers[0]));
  }

  // The device's end.

  /** The device is there and takes requests. */
  begin(thread: number): void {
    Atomics.store(this.#words, THREAD, thread);
    // A request may be there already: to close.
    Atomics.compareExchange(this.#words, TURN, STARTING, CALLER);
    Atomics.notify(this.#words, TURN);
  }

  /** Waits for a request, at most `milliseconds`. */
  request(milliseconds: number): Op | undefined {
    for (let i = 0; i < SPINS; i++) {
      if (Atomics.load(this.#words, TURN) === DEVICE) return this.#words[OPERATION] as Op;
    }
    Atomics.wait(this.#words, TURN, CALLER, milliseconds);
    return Atomics.load(this.#words, TURN) === DEVICE ? (this.#words[OPERATION] as Op) : undefined;
  }

  reply(refused?: Reason): void {
    this.#words[REASON] = refused === undefined ? 0 : REASONS.indexOf(refused) + 1;
    this.#turnOver(CALLER);
  }

  /** The device takes no requests any more, and says why. */
  end(why: string): void {
    this.numbers[0] = new TextEncoder().encodeInto(why, scratch).written;
    this.bytes.set(scratch);
    this.#turnOver(GONE);
  }

  #turnOver(turn: number): void {
    Atomics.store(this.#words, TURN, turn);
    Atomics.notify(this.#words, TURN);
  }

  #await(turn: number, milliseconds: number, patience: () => void): void {
    for (let i = 0; i < SPINS; i++) if (Atomics.load(this.#words, TURN) !== turn) return;
    // A wake-up may be a late one, for the turn before: only the word itself counts.
    while (Atomics.load(this.#words, TURN) === turn) {
      if (Atomics.wait(this.#words, TURN, turn, milliseconds) === 'timed-out') patience();
    }
  }
}
