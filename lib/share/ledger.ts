/**
 * Who has what of a shared card, kept by the kernel: a file whose bytes are locked. A lock ends with the open file that has it,
 * so what a killed process had is free at once, and nobody has to be believed. Beside each lock stands who took it last.
 *
 * Ref: fcntl(2), open file description locks
 */
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import type { Holder } from '../backend.js';
import { libc } from '../native.js';
import { ARENAS } from './arena.js';
import { slotNumber } from './protocol.js';

/** Which bytes are what. */
const DOOR = 0;
const ARENA = 1;
const IRQS = 0x1_0000;
/** A process id for each. */
const ENTRY = 8;
/** How long somebody who only cleans up may be waited for, milliseconds. */
const PATIENCE = 500;

export class Ledger {
  readonly #fd: number;
  readonly path: string;

  /** An open file of its own: locks that two Ledgers ask for exclude each other, in one process too. */
  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** The right to open the card, and to serve it to others: one has it at a time. */
  takeDoor(): boolean {
    return this.#take(DOOR);
  }

  leaveDoor(): void {
    libc().unlock(this.#fd, DOOR);
  }

  get doorHolder(): Holder | undefined {
    return this.#holder(DOOR);
  }

  /** An arena that nobody has: the lowest; undefined where all are taken. */
  takeArena(): number | undefined {
    for (let index = 0; index < ARENAS; index++) if (this.#take(ARENA + index)) return index;
    return undefined;
  }

  /** Whether arena `index` was free; it is taken for as long as `act` lasts. */
  withArena(index: number, act: () => void): boolean {
    return this.#during(ARENA + index, act);
  }

  leaveArena(index: number): void {
    libc().unlock(this.#fd, ARENA + index);
  }

  /** Who has arenas, by another open file than this. Who cleans one for a moment does not, and is written down nowhere. */
  get others(): readonly Holder[] {
    const all = Array.from({ length: ARENAS }, (_, index) => this.#holder(ARENA + index));
    return all.filter((holder) => holder !== undefined).filter(({ command }) => command !== ENDED);
  }

  /** The interrupts of one device. Somebody who only disarms them has them for a moment. */
  takeIrqs(bdf: string): boolean {
    for (const deadline = Date.now() + PATIENCE; ; pause()) {
      if (this.#take(IRQS + slotNumber(bdf))) return true;
      if (Date.now() > deadline) return false;
    }
  }

  withIrqs(bdf: string, act: () => void): boolean {
    return this.#during(IRQS + slotNumber(bdf), act);
  }

  leaveIrqs(bdf: string): void {
    libc().unlock(this.#fd, IRQS + slotNumber(bdf));
  }

  irqHolder(bdf: string): Holder | undefined {
    return this.#holder(IRQS + slotNumber(bdf));
  }

  /** Ends every lock that was taken through it. */
  close(): void {
    closeSync(this.#fd);
  }

  #take(byte: number): boolean {
    if (libc().lock(this.#fd, byte) < 0) return false;
    writeSync(this.#fd, new Uint8Array(Int32Array.of(process.pid, 0).buffer), 0, ENTRY, byte * ENTRY);
    return true;
  }

  /** Without writing down who: it is over at once. */
  #during(byte: number, act: () => void): boolean {
    if (libc().lock(this.#fd, byte) < 0) return false;
    try {
      act();
    } finally {
      libc().unlock(this.#fd, byte);
    }
    return true;
  }

  #holder(byte: number): Holder | undefined {
    if (libc().locked(this.#fd, byte) !== 1) return undefined;
    const entry = new Int32Array(new ArrayBuffer(ENTRY));
    readSync(this.#fd, new Uint8Array(entry.buffer), 0, ENTRY, byte * ENTRY);
    const pid = entry[0] ?? 0;
    return { pid, command: command(pid) };
  }
}

/** A process that is not there has nothing: what is written is of an earlier one. */
const ENDED = 'ended';

/** The program's name; not /proc/PID/comm, where Node 24 has the name of its thread. */
function command(pid: number): string {
  try {
    const [program = ''] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return basename(program) || ENDED;
  } catch {
    return ENDED;
  }
}

const nothing = new Int32Array(new SharedArrayBuffer(4));

/** A moment, on any thread. */
export function pause(milliseconds = 2): void {
  Atomics.wait(nothing, 0, 0, milliseconds);
}
