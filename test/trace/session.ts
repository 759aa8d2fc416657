/**
 * What the operations of a trace share: the card, the numbers that its seed gives, memory, eventfds and what is mapped;
 * waiting for the card, and looking at it.
 */
import { type Backend, type DmaAccess, type DmaMemory, type Eventfd, REGION, type Width } from '../../lib/backend.js';
import { LabError } from '../../lib/errors.js';

export const BAR0 = REGION.BAR0;
export const CONFIG = REGION.CONFIG;
export const WIDTHS = [8, 16, 32, 64] as const;
export const COMMAND = 0x04;
export const [IO, MEM, MASTER, SERR, INTX_DISABLE] = [0x1, 0x2, 0x4, 0x100, 0x400];
export const BUFFER = 0x40000;
/** The DMA registers: source, destination, count, command. */
export const DMA = [0x80, 0x88, 0x90, 0x98];
/** Where no operation maps anything but `apart`. */
export const APART = 0x20_0000n;
const PATIENCE = 10_000;

const REGISTERS = [
  0x00, 0x04, 0x08, 0x0c, 0x20, 0x24, 0x30, 0x60, 0x64, 0x7c, 0x80, 0x84, 0x88, 0x90, 0x98, 0x9c, 0xa0,
];

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** The low bits that an access of this width writes. */
export const narrow = (value: number, width: Width): number =>
  width === 32 || width === 64 ? value >>> 0 : value & (2 ** width - 1);

export const pause = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};

/** mulberry32: 32 random bits a call. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** FNV-1a of some bytes. */
export function digest(...parts: Uint8Array[]): string {
  let hash = 0x811c9dc5;
  for (const part of parts) for (const byte of part) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

export class Session {
  readonly card: Backend;
  readonly next: () => number;
  readonly memories: DmaMemory[];
  readonly eventfds: Record<'intx' | 'msi' | 'req' | 'unmask', Eventfd>;
  readonly mapped: { iova: bigint; memory: DmaMemory; access: string }[] = [];

  constructor(card: Backend, seed: number) {
    this.card = card;
    this.next = random(seed);
    this.memories = [4096, 8192, 4096, 12288].map((size) => card.dmaAlloc(size, 4096));
    this.eventfds = { intx: card.eventfd(), msi: card.eventfd(), req: card.eventfd(), unmask: card.eventfd() };
  }

  /** What is known of the card from here on, whatever it did before. */
  start(): string {
    const card = this.card;
    card.write(CONFIG, COMMAND, 16, IO | MEM | MASTER | SERR);
    for (let offset = 0x50; offset < 0x100; offset += 4) card.write(CONFIG, offset, 32, 0);
    card.write(CONFIG, 0x4e, 16, 0);
    card.write(CONFIG, 0x0c, 8, 0);
    card.write(CONFIG, 0x10, 32, 0xfde0_0000);
    card.write(CONFIG, 0x3c, 8, 0x0a);
    card.write(BAR0, 0x64, 32, 0xffff_ffff);
    card.write(BAR0, 0x20, 32, 0);
    card.write(BAR0, 0x04, 32, 0);
    card.write(BAR0, 0x08, 32, 5);
    this.computed();
    for (const [i, { bytes }] of this.memories.entries()) bytes.set(bytes.map((_, at) => at * 7 + i));
    const memory = this.memories[0] as DmaMemory;
    card.dmaMap(memory, 0n, { read: true, write: true });
    this.transfer(0n, BigInt(BUFFER), 4096n, 1n);
    card.dmaUnmap(0n, memory.size);
    return `${this.settled()} config ${this.config()}`;
  }

  end(): void {
    for (const { iova, memory } of this.mapped) this.card.dmaUnmap(iova, memory.size);
    for (const memory of this.memories) memory.release();
    for (const eventfd of Object.values(this.eventfds)) eventfd.close();
  }

  /** Does something on the bus with one more page, that the other operations do not know. */
  apart<T>(access: DmaAccess, act: (bytes: Uint8Array) => T): T {
    const memory = this.card.dmaAlloc(4096, 4096);
    const command = Number(this.card.read(CONFIG, COMMAND, 16));
    this.card.write(CONFIG, COMMAND, 16, command | MEM | MASTER);
    this.card.dmaMap(memory, APART, access);
    try {
      return act(memory.bytes.subarray(0, 64));
    } finally {
      this.card.dmaUnmap(APART, memory.size);
      this.card.write(CONFIG, COMMAND, 16, command);
      memory.release();
    }
  }

  /** Whether the card would read memory that it may only write: an operation of its own. */
  writeOnly(iova: bigint, count: bigint): boolean {
    const first = iova & 0xfff_ffffn;
    return this.mapped.some(
      ({ iova: at, memory, access }) => access === 'w' && at < first + count && first < at + BigInt(memory.size),
    );
  }

  begin(from: bigint, to: bigint, count: bigint, command: bigint): void {
    this.card.write(BAR0, 0x80, 64, from);
    this.card.write(BAR0, 0x88, 64, to);
    this.card.write(BAR0, 0x90, 64, count);
    this.card.write(BAR0, 0x98, 64, command);
  }

  /** QEMU decides about the interrupt only after it has cleared COMPUTING, on a thread of its own. */
  computed(): void {
    const computing = (): boolean => (Number(this.card.read(BAR0, 0x20, 32)) & 1) === 1;
    this.until(() => !computing());
    pause(3);
  }

  moved(): void {
    this.until(() => !(Number(this.card.read(BAR0, 0x98, 32)) & 1));
  }

  transfer(from: bigint, to: bigint, count: bigint, command: bigint): void {
    this.begin(from, to, count, command);
    this.moved();
  }

  /** The card's registers, once nothing is under way. */
  settled(): string {
    const words = [0x04, 0x08, 0x20, 0x24].map((offset) => hex(this.card.read(BAR0, offset, 32)));
    return words.concat(DMA.map((offset) => hex(this.card.read(BAR0, offset, 64)))).join(' ');
  }

  /** What every eventfd counted since the last line. */
  fired(): string {
    const fired: string[] = [];
    for (const name of ['intx', 'msi', 'req'] as const) {
      const count = this.eventfds[name].drain();
      if (count > 0) fired.push(`${name} ${count}`);
    }
    return fired.length > 0 ? `; ${fired.join(' ')}` : '';
  }

  memory(): string {
    return `memory ${digest(...this.memories.map((memory) => memory.bytes))}`;
  }

  config(): string {
    const bytes = new Uint8Array(256);
    this.card.readBlock(CONFIG, 0, 32, bytes);
    return digest(bytes);
  }

  /** Does it and says what came of it, what was tried first. */
  tell(tried: string, act: () => string): string {
    try {
      return `${tried}: ${act()}`;
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      return `${tried}: ${error.name}${error.errno ? ` ${error.errno}` : ''}`;
    }
  }

  until(done: () => boolean): void {
    const deadline = performance.now() + PATIENCE;
    while (!done()) if (performance.now() > deadline) throw new Error(`not done within ${PATIENCE} ms`);
  }

  place(): [number, Width] {
    const width = this.chance(60) ? 32 : this.pick(WIDTHS);
    const step = width / 8;
    const anywhere = this.chance(80) ? this.pick(REGISTERS) : this.below(2 ** 20);
    return [anywhere - (anywhere % step), width];
  }

  /** Mostly where something is mapped; also beside it, unmapped, and above what the card can address. */
  iova(): bigint {
    const mine = this.mapped[this.below(Math.max(1, this.mapped.length))];
    if (mine === undefined || this.chance(15)) return BigInt(this.next());
    const at = mine.iova + BigInt(this.below(mine.memory.size));
    return this.chance(15) ? at + (BigInt(this.next()) << 28n) : at;
  }

  below(end: number): number {
    return this.next() % end;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}
