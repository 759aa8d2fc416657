/**
 * A seeded session with an edu card, at the seam: random but repeatable operations, each a line of what was done and what
 * came back. The same seed gives the same lines on the simulator and on QEMU's edu behind the kernel's vfio-pci, but for
 * the cases in stricter.ts. What the card does in its own time is waited for where the operation that began it ends.
 *
 *     node dist/test/trace.js SPEC [SEED] [COUNT]        prints the lines
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import {
  type Backend,
  type DmaAccess,
  type DmaMemory,
  type Eventfd,
  type IrqAction,
  type IrqData,
  REGION,
  type Width,
} from '../lib/backend.js';
import { LabError } from '../lib/errors.js';

export const SEED = 9;
export const COUNT = 2000;

const BAR0 = REGION.BAR0;
const CONFIG = REGION.CONFIG;
const WIDTHS = [8, 16, 32, 64] as const;
const COMMAND = 0x04;
const [IO, MEM, MASTER, SERR, INTX_DISABLE] = [0x1, 0x2, 0x4, 0x100, 0x400];
const BUFFER = 0x40000;
/** Where nothing else is mapped. */
const APART = 0x20_0000n;
const DMA = [0x80, 0x88, 0x90, 0x98];
const PATIENCE = 10_000;
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

const REGISTERS = [
  0x00, 0x04, 0x08, 0x0c, 0x20, 0x24, 0x30, 0x60, 0x64, 0x7c, 0x80, 0x84, 0x88, 0x90, 0x98, 0x9c, 0xa0,
];
const IOVAS = [
  0n,
  0x800n,
  0x1000n,
  0x2000n,
  0x4000n,
  0x1_0000n,
  0xfff_e000n,
  0xfff_f000n,
  0x1000_0000n,
  0xfedf_f000n,
  0xfee0_0000n,
  0xfeef_f000n,
  0xfef0_0000n,
  0x7f_ffff_f000n,
  0xffff_ffff_f000n,
  0x1_0000_0000_0000n,
  0xffff_ffff_ffff_f000n,
];

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

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
function digest(...parts: Uint8Array[]): string {
  let hash = 0x811c9dc5;
  for (const part of parts) for (const byte of part) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

class Session {
  readonly #card: Backend;
  readonly #next: () => number;
  readonly #memories: DmaMemory[];
  readonly #eventfds: Record<'intx' | 'msi' | 'req' | 'unmask', Eventfd>;
  readonly #mapped: { iova: bigint; memory: DmaMemory; access: string }[] = [];

  constructor(card: Backend, seed: number) {
    this.#card = card;
    this.#next = random(seed);
    this.#memories = [4096, 8192, 4096, 12288].map((size) => card.dmaAlloc(size, 4096));
    this.#eventfds = { intx: card.eventfd(), msi: card.eventfd(), req: card.eventfd(), unmask: card.eventfd() };
  }

  /** What is known of the card from here on, whatever it did before. */
  start(): string {
    const card = this.#card;
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
    this.#computed();
    for (const [i, { bytes }] of this.#memories.entries()) bytes.set(bytes.map((_, at) => at * 7 + i));
    const memory = this.#memories[0] as DmaMemory;
    card.dmaMap(memory, 0n, { read: true, write: true });
    this.#transfer(0n, BigInt(BUFFER), 4096n, 1n);
    card.dmaUnmap(0n, memory.size);
    return `${this.#settled()} config ${this.#config()}`;
  }

  end(): void {
    for (const { iova, memory } of this.#mapped) this.#card.dmaUnmap(iova, memory.size);
    for (const memory of this.#memories) memory.release();
    for (const eventfd of Object.values(this.#eventfds)) eventfd.close();
  }

  /** One random operation, as a line. */
  step(): string {
    const total = OPERATIONS.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.#below(total);
    for (const [weight, name, operation] of OPERATIONS) {
      at -= weight;
      if (at >= 0) continue;
      let outcome: string;
      try {
        outcome = operation(this);
      } catch (error) {
        if (!(error instanceof LabError)) throw error;
        outcome = `${error.name}${error.errno ? ` ${error.errno}` : ''}`;
      }
      return `${name} ${outcome}${this.#fired()}`;
    }
    throw new Error('no operation');
  }

  read(): string {
    const [offset, width] = this.#place();
    return this.#tell(`bar0+${hex(offset)} ${width}`, () => hex(this.#card.read(BAR0, offset, width)));
  }

  write(): string {
    const [offset, width] = this.#place();
    let value = this.#chance(50) ? this.#next() : this.#below(16);
    // These begin something of their own, below; here they only see that a wrong width does not.
    if (offset === 0x98) value &= ~1;
    if (offset === 0x08 && width === 32) value = this.#below(20);
    const wide = width === 64 ? (BigInt(this.#next()) << 32n) | BigInt(value >>> 0) : narrow(value, width);
    return this.#tell(`bar0+${hex(offset)} ${width} ${hex(wide)}`, () => {
      this.#card.write(BAR0, offset, width, wide);
      if (offset === 0x08 && width === 32) this.#computed();
      return this.#settled();
    });
  }

  block(): string {
    const width = this.#pick(WIDTHS);
    const size = 8 * (1 + this.#below(32));
    const offset = this.#chance(60) ? 8 * this.#below(20) : 8 * this.#below((2 ** 20 - size) / 8);
    const bytes = new Uint8Array(size);
    return this.#tell(`bar0+${hex(offset)} ${width} ${size}`, () => {
      this.#card.readBlock(BAR0, offset, width, bytes);
      const [first] = bytes;
      return (first === 0 || first === 255) && bytes.every((byte) => byte === first)
        ? `all ${hex(first)}`
        : digest(bytes);
    });
  }

  writeBlock(): string {
    const bytes = Uint8Array.from({ length: 24 }, () => this.#next() & 0xff);
    const width = this.#pick(WIDTHS);
    return this.#tell(`bar0+0x80 ${width} ${digest(bytes)}`, () => {
      this.#card.writeBlock(BAR0, 0x80, width, bytes);
      return [0x80, 0x88, 0x90].map((offset) => hex(this.#card.read(BAR0, offset, 64))).join(' ');
    });
  }

  factorial(): string {
    const n = this.#chance(80) ? this.#below(40) : this.#below(100_000);
    const irq = this.#chance(50) ? 0x80 : 0;
    return this.#tell(`${n} ${hex(irq)}`, () => {
      this.#card.write(BAR0, 0x20, 32, irq);
      this.#card.write(BAR0, 0x08, 32, n);
      this.#computed();
      if (irq) this.#until(() => (Number(this.#card.read(BAR0, 0x24, 32)) & 1) === 1);
      return `${hex(this.#card.read(BAR0, 0x08, 32))} irq ${hex(this.#card.read(BAR0, 0x24, 32))}`;
    });
  }

  raise(): string {
    const value = this.#pick([0, 1, 2, 0x100, 0x80000000, this.#next()]);
    return this.#tell(hex(value), () => {
      this.#card.write(BAR0, 0x60, 32, value);
      return hex(this.#card.read(BAR0, 0x24, 32));
    });
  }

  acknowledge(): string {
    const value = this.#chance(60) ? 0xffff_ffff : this.#next();
    return this.#tell(hex(value), () => {
      this.#card.write(BAR0, 0x64, 32, value);
      return `${hex(this.#card.read(BAR0, 0x24, 32))} status ${hex(this.#card.read(CONFIG, 0x06, 16))}`;
    });
  }

  /** In range on the card's side; anything on the memory's. */
  dma(): string {
    const count = BigInt(this.#pick([0, 1, 3, 64, 100, 4095, 4096, this.#below(4097)]));
    const inside = BigInt(BUFFER) + BigInt(this.#below(4097 - Number(count)));
    const outside = this.#iova();
    const toHost = this.#chance(60) || this.#writeOnly(outside, count);
    const command =
      1n | (toHost ? 2n : 0n) | (this.#chance(40) ? 4n : 0n) | (this.#chance(10) ? 0xdead_beef_0000n : 0n);
    const [from, to] = toHost ? [inside, outside] : [outside, inside];
    return this.#tell(`${hex(from)} ${hex(to)} ${count} ${hex(command)}`, () => {
      this.#transfer(from, to, count, command);
      return `${hex(this.#card.read(BAR0, 0x98, 64))} ${this.#memory()}`;
    });
  }

  /** Past the end of the card's buffer. Only towards memory, and not far: QEMU 10.0 reads what lies behind its buffer. */
  dmaOutOfRange(): string {
    const inside = BigInt(BUFFER + 4096 - this.#below(16));
    return this.#tell(hex(inside), () =>
      this.#apart({ read: true, write: true }, (bytes) => {
        bytes.fill(0x77);
        this.#transfer(inside, APART, 32n, 3n);
        return bytes.every((byte) => byte === 0x77) ? 'nothing moved' : 'moved';
      }),
    );
  }

  /** Memory that the card may only write. */
  dmaFromWriteOnly(): string {
    return this.#tell('64', () => {
      const at = BigInt(BUFFER);
      this.#apart({ read: false, write: true }, (bytes) => {
        bytes.fill(0x77);
        this.#transfer(APART, at, 64n, 1n);
      });
      return this.#apart({ read: true, write: true }, (bytes) => {
        this.#transfer(at, APART, 64n, 3n);
        const moved = bytes[0] === 0x77;
        bytes.fill(0);
        this.#transfer(APART, at, 64n, 1n);
        return moved ? 'moved' : 'nothing moved';
      });
    });
  }

  /** While a transfer is on its way: what is written to its registers is dropped; it obeys COMMAND when it moves. */
  busy(): string {
    const toggle = this.#chance(50);
    const somewhere = this.#iova();
    const iova = this.#writeOnly(somewhere, 64n) ? APART : somewhere;
    const instead = [BigInt(BUFFER), BigInt(BUFFER), 0n, 3n];
    return this.#tell(`${hex(iova)}${toggle ? ' toggle' : ''}`, () => {
      for (;;) {
        const start = performance.now();
        this.#begin(iova, BigInt(BUFFER), 64n, 1n);
        const command = Number(this.#card.read(CONFIG, COMMAND, 16));
        if (toggle) this.#card.write(CONFIG, COMMAND, 16, command ^ MASTER);
        for (const [i, offset] of DMA.entries()) this.#card.write(BAR0, offset, 64, instead[i] ?? 0n);
        const seen = DMA.map((offset) => hex(this.#card.read(BAR0, offset, 64)));
        const late = performance.now() - start > 50;
        this.#moved();
        if (toggle) this.#card.write(CONFIG, COMMAND, 16, command);
        // The machine was elsewhere for so long that the transfer may have been over: again.
        if (!late) return `${seen.join(' ')} then ${hex(this.#card.read(BAR0, 0x98, 64))}`;
      }
    });
  }

  fill(): string {
    const which = this.#below(this.#memories.length);
    const memory = this.#memories[which] as DmaMemory;
    const byte = this.#next() & 0xff;
    memory.bytes.fill(byte, this.#below(memory.size));
    return `${which} ${byte} ${this.#memory()}`;
  }

  map(): string {
    const which = this.#below(this.#memories.length);
    const memory = this.#memories[which] as DmaMemory;
    const iova = this.#pick(IOVAS);
    const access = this.#pick(['rw', 'rw', 'rw', 'r', 'w', '']);
    return this.#tell(`${which} ${hex(iova)} ${access}`, () => {
      this.#card.dmaMap(memory, iova, { read: access.includes('r'), write: access.includes('w') });
      this.#mapped.push({ iova, memory, access });
      return 'mapped';
    });
  }

  unmap(): string {
    const mine = this.#mapped[this.#below(Math.max(1, this.#mapped.length))];
    const [iova, size] = this.#pick<[bigint, number]>([
      [mine?.iova ?? 0n, mine?.memory.size ?? 4096],
      [mine?.iova ?? 0n, mine?.memory.size ?? 4096],
      [mine?.iova ?? 0n, 4096],
      [this.#pick(IOVAS), 4096],
      [this.#pick(IOVAS), 0],
      [this.#pick(IOVAS), 0x100_0000],
    ]);
    const within = (at: bigint): boolean => iova <= at && at < iova + BigInt(size);
    return this.#tell(`${hex(iova)} ${hex(size)}`, () => {
      try {
        this.#card.dmaUnmap(iova, size);
        return 'unmapped';
      } finally {
        // Also where less was mapped than was asked for; a mapping that was cut is still there and refuses again.
        const cut = this.#mapped.some(
          ({ iova: at, memory }) =>
            at < iova + BigInt(size) &&
            iova < at + BigInt(memory.size) &&
            !(within(at) && within(at + BigInt(memory.size) - 1n)),
        );
        const whole = (iova & 0xfffn) === 0n && size > 0 && iova + BigInt(size) <= 1n << 64n;
        if (!cut && whole) {
          for (let i = this.#mapped.length - 1; i >= 0; i--)
            if (within(this.#mapped[i]?.iova ?? -1n)) this.#mapped.splice(i, 1);
        }
      }
    });
  }

  command(): string {
    const value =
      (this.#chance(90) ? MEM : 0) |
      (this.#chance(70) ? MASTER : 0) |
      (this.#chance(15) ? INTX_DISABLE : 0) |
      (this.#chance(50) ? IO : 0) |
      (this.#chance(50) ? SERR : 0) |
      (this.#chance(10) ? 0x7000 : 0);
    const [offset, width] = this.#pick<[number, 8 | 16 | 32]>([
      [4, 16],
      [4, 16],
      [4, 16],
      [4, 8],
      [5, 8],
      [4, 32],
    ]);
    const written = narrow(offset === 5 ? value >>> 8 : value, width);
    return this.#tell(`${offset} ${width} ${hex(written)}`, () => {
      this.#card.write(CONFIG, offset, width, written);
      return hex(this.#card.read(CONFIG, COMMAND, 32));
    });
  }

  readConfig(): string {
    const width = this.#pick([8, 16, 32] as const);
    const offset = (width / 8) * this.#below(256 / (width / 8));
    return this.#tell(`${hex(offset)} ${width}`, () => hex(this.#card.read(CONFIG, offset, width)));
  }

  writeConfig(): string {
    const width = this.#pick([8, 16, 32] as const);
    const anywhere = this.#chance(40) ? 0x40 + this.#below(0x14) : this.#below(256);
    const offset = anywhere - (anywhere % (width / 8));
    // COMMAND has an operation of its own.
    if (offset >= 4 && offset < 8) return `${hex(offset)} left alone`;
    const value = narrow(this.#next(), width);
    return this.#tell(`${hex(offset)} ${width} ${hex(value)}`, () => {
      this.#card.write(CONFIG, offset, width, value);
      return `${hex(this.#card.read(CONFIG, offset, width))} ${this.#config()}`;
    });
  }

  irqs(): string {
    const index = this.#pick([0, 0, 0, 0, 1, 1, 1, 1, 4, 4, 2, 3, 5]);
    const action = this.#pick<IrqAction>(['trigger', 'trigger', 'trigger', 'unmask', 'mask']);
    const eventfd =
      action === 'unmask' ? this.#eventfds.unmask : this.#eventfds[index === 0 ? 'intx' : index === 4 ? 'req' : 'msi'];
    const start = this.#chance(95) ? 0 : 1;
    const [text, data] = this.#pick<[string, IrqData]>([
      ['none 0', { none: 0 }],
      ['none 0', { none: 0 }],
      ['none 1', { none: 1 }],
      ['none 1', { none: 1 }],
      ['none 2', { none: 2 }],
      ['bools 0', { bools: [] }],
      ['bools 1', { bools: [true] }],
      ['bools 1', { bools: [false] }],
      ['eventfds 0', { eventfds: [] }],
      ['eventfd', { eventfds: [eventfd] }],
      ['eventfd', { eventfds: [eventfd] }],
      ['eventfd', { eventfds: [eventfd] }],
      ['eventfd', { eventfds: [eventfd] }],
      ['no eventfd', { eventfds: [undefined] }],
      ['eventfds 2', { eventfds: [eventfd, eventfd] }],
    ]);
    return this.#tell(`${index} ${action} ${start} ${text}`, () => {
      this.#eventfds.unmask.drain();
      this.#card.setIrqs(index, action, start, data);
      return 'set';
    });
  }

  /** The way of a driver: enable, or handle and unmask. */
  intx(): string {
    const which = this.#below(3);
    return this.#tell(['enable', 'unmask', 'disable'][which] ?? '', () => {
      if (which === 0) this.#card.setIrqs(0, 'trigger', 0, { eventfds: [this.#eventfds.intx] });
      else if (which === 1) this.#card.setIrqs(0, 'unmask', 0, { none: 1 });
      else this.#card.setIrqs(0, 'trigger', 0, { none: 0 });
      return 'set';
    });
  }

  msi(): string {
    const which = this.#below(3);
    return this.#tell(['enable', 'trigger', 'disable'][which] ?? '', () => {
      if (which === 0) this.#card.setIrqs(1, 'trigger', 0, { eventfds: [this.#eventfds.msi] });
      else this.#card.setIrqs(1, 'trigger', 0, { none: which === 1 ? 1 : 0 });
      return 'set';
    });
  }

  /** The eventfd that unmasks INTx, where it was armed. */
  unmaskBySignal(): string {
    writeSync(this.#eventfds.unmask.fd, ONE);
    pause(20);
    this.#eventfds.unmask.drain();
    return '';
  }

  reset(): string {
    this.#card.reset();
    return this.#tell('', () => `${hex(this.#card.read(BAR0, 0x24, 32))} config ${this.#config()}`);
  }

  /** Does something on the bus with one more page, that the other operations do not know. */
  #apart<T>(access: DmaAccess, act: (bytes: Uint8Array) => T): T {
    const memory = this.#card.dmaAlloc(4096, 4096);
    const command = Number(this.#card.read(CONFIG, COMMAND, 16));
    this.#card.write(CONFIG, COMMAND, 16, command | MEM | MASTER);
    this.#card.dmaMap(memory, APART, access);
    try {
      return act(memory.bytes.subarray(0, 64));
    } finally {
      this.#card.dmaUnmap(APART, memory.size);
      this.#card.write(CONFIG, COMMAND, 16, command);
      memory.release();
    }
  }

  /** Whether the card would read memory that it may only write: an operation of its own. */
  #writeOnly(iova: bigint, count: bigint): boolean {
    const first = iova & 0xfff_ffffn;
    return this.#mapped.some(
      ({ iova: at, memory, access }) => access === 'w' && at < first + count && first < at + BigInt(memory.size),
    );
  }

  #begin(from: bigint, to: bigint, count: bigint, command: bigint): void {
    this.#card.write(BAR0, 0x80, 64, from);
    this.#card.write(BAR0, 0x88, 64, to);
    this.#card.write(BAR0, 0x90, 64, count);
    this.#card.write(BAR0, 0x98, 64, command);
  }

  /** QEMU decides about the interrupt only after it has cleared COMPUTING, on a thread of its own. */
  #computed(): void {
    const computing = (): boolean => (Number(this.#card.read(BAR0, 0x20, 32)) & 1) === 1;
    this.#until(() => !computing());
    pause(3);
  }

  #moved(): void {
    this.#until(() => !(Number(this.#card.read(BAR0, 0x98, 32)) & 1));
  }

  #transfer(from: bigint, to: bigint, count: bigint, command: bigint): void {
    this.#begin(from, to, count, command);
    this.#moved();
  }

  /** The card's registers, once nothing is under way. */
  #settled(): string {
    const words = [0x04, 0x08, 0x20, 0x24].map((offset) => hex(this.#card.read(BAR0, offset, 32)));
    return words.concat(DMA.map((offset) => hex(this.#card.read(BAR0, offset, 64)))).join(' ');
  }

  /** What every eventfd counted since the last line. */
  #fired(): string {
    const fired: string[] = [];
    for (const name of ['intx', 'msi', 'req'] as const) {
      const count = this.#eventfds[name].drain();
      if (count > 0) fired.push(`${name} ${count}`);
    }
    return fired.length > 0 ? `; ${fired.join(' ')}` : '';
  }

  #memory(): string {
    return `memory ${digest(...this.#memories.map((memory) => memory.bytes))}`;
  }

  #config(): string {
    const bytes = new Uint8Array(256);
    this.#card.readBlock(CONFIG, 0, 32, bytes);
    return digest(bytes);
  }

  /** Does it and says what came of it, what was tried first. */
  #tell(tried: string, act: () => string): string {
    try {
      return `${tried}: ${act()}`;
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      return `${tried}: ${error.name}${error.errno ? ` ${error.errno}` : ''}`;
    }
  }

  #until(done: () => boolean): void {
    const deadline = performance.now() + PATIENCE;
    while (!done()) if (performance.now() > deadline) throw new Error(`not done within ${PATIENCE} ms`);
  }

  #place(): [number, Width] {
    const width = this.#chance(60) ? 32 : this.#pick(WIDTHS);
    const step = width / 8;
    const anywhere = this.#chance(80) ? this.#pick(REGISTERS) : this.#below(2 ** 20);
    return [anywhere - (anywhere % step), width];
  }

  /** Mostly where something is mapped; also beside it, unmapped, and above what the card can address. */
  #iova(): bigint {
    const mine = this.#mapped[this.#below(Math.max(1, this.#mapped.length))];
    if (mine === undefined || this.#chance(15)) return BigInt(this.#next());
    const at = mine.iova + BigInt(this.#below(mine.memory.size));
    return this.#chance(15) ? at + (BigInt(this.#next()) << 28n) : at;
  }

  #below(end: number): number {
    return this.#next() % end;
  }

  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)] as T;
  }
}

const narrow = (value: number, width: Width): number =>
  width === 32 || width === 64 ? value >>> 0 : value & (2 ** width - 1);

const pause = (milliseconds: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
};

/** How often each operation comes, in a hundred or so. */
const OPERATIONS: readonly (readonly [number, string, (session: Session) => string])[] = [
  [120, 'read', (session) => session.read()],
  [150, 'write', (session) => session.write()],
  [30, 'block', (session) => session.block()],
  [15, 'write-block', (session) => session.writeBlock()],
  [50, 'factorial', (session) => session.factorial()],
  [100, 'raise', (session) => session.raise()],
  [60, 'acknowledge', (session) => session.acknowledge()],
  [40, 'dma', (session) => session.dma()],
  [3, 'dma-out-of-range', (session) => session.dmaOutOfRange()],
  [2, 'dma-from-write-only', (session) => session.dmaFromWriteOnly()],
  [6, 'busy', (session) => session.busy()],
  [20, 'fill', (session) => session.fill()],
  [45, 'map', (session) => session.map()],
  [25, 'unmap', (session) => session.unmap()],
  [60, 'command', (session) => session.command()],
  [50, 'read-config', (session) => session.readConfig()],
  [60, 'write-config', (session) => session.writeConfig()],
  [90, 'irqs', (session) => session.irqs()],
  [60, 'intx', (session) => session.intx()],
  [60, 'msi', (session) => session.msi()],
  [6, 'unmask-by-signal', (session) => session.unmaskBySignal()],
  [5, 'reset', (session) => session.reset()],
];

/** The names of all operations. */
export const OPERATION_NAMES: readonly string[] = OPERATIONS.map(([, name]) => name);

/** `count` operations on an edu card that nobody else uses meanwhile. */
export function runTrace(card: Backend, seed: number, count: number): string[] {
  const session = new Session(card, seed);
  try {
    return [`start ${session.start()}`, ...Array.from({ length: count }, () => session.step())];
  } finally {
    session.end();
  }
}

async function openBackend(spec: string): Promise<Backend> {
  if (spec.startsWith('sim:')) return (await import('../lib/backends/sim.js')).openSim(spec.slice(4));
  return (await import('../lib/backends/group.js')).openGroup(spec.replace(/^group:/, ''));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [spec = 'sim:edu', seed = SEED, count = COUNT] = process.argv.slice(2);
  const card = await openBackend(spec);
  try {
    process.stdout.write(`${runTrace(card, Number(seed), Number(count)).join('\n')}\n`);
  } finally {
    card.close();
  }
}
