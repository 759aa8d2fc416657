/** The operations of a trace: each does one thing, drawn at random, and says what it did and what came back. */
import { writeSync } from 'node:fs';
import type { DmaMemory, IrqAction, IrqData } from '../../lib/backend.js';
import {
  APART,
  BAR0,
  BUFFER,
  COMMAND,
  CONFIG,
  DMA,
  digest,
  hex,
  INTX_DISABLE,
  IO,
  MASTER,
  MEM,
  narrow,
  pause,
  SERR,
  type Session,
  WIDTHS,
} from './session.js';

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

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

function read(s: Session): string {
  const [offset, width] = s.place();
  return s.tell(`bar0+${hex(offset)} ${width}`, () => hex(s.card.read(BAR0, offset, width)));
}

function write(s: Session): string {
  const [offset, width] = s.place();
  let value = s.chance(50) ? s.next() : s.below(16);
  // These begin something of their own, below; here they only see that a wrong width does not.
  if (offset === 0x98) value &= ~1;
  if (offset === 0x08 && width === 32) value = s.below(20);
  const wide = width === 64 ? (BigInt(s.next()) << 32n) | BigInt(value >>> 0) : narrow(value, width);
  return s.tell(`bar0+${hex(offset)} ${width} ${hex(wide)}`, () => {
    s.card.write(BAR0, offset, width, wide);
    if (offset === 0x08 && width === 32) s.computed();
    return s.settled();
  });
}

function block(s: Session): string {
  const width = s.pick(WIDTHS);
  const size = 8 * (1 + s.below(32));
  const offset = s.chance(60) ? 8 * s.below(20) : 8 * s.below((2 ** 20 - size) / 8);
  const bytes = new Uint8Array(size);
  return s.tell(`bar0+${hex(offset)} ${width} ${size}`, () => {
    s.card.readBlock(BAR0, offset, width, bytes);
    const [first] = bytes;
    return (first === 0 || first === 255) && bytes.every((byte) => byte === first)
      ? `all ${hex(first)}`
      : digest(bytes);
  });
}

function writeBlock(s: Session): string {
  const bytes = Uint8Array.from({ length: 24 }, () => s.next() & 0xff);
  const width = s.pick(WIDTHS);
  return s.tell(`bar0+0x80 ${width} ${digest(bytes)}`, () => {
    s.card.writeBlock(BAR0, 0x80, width, bytes);
    return [0x80, 0x88, 0x90].map((offset) => hex(s.card.read(BAR0, offset, 64))).join(' ');
  });
}

function factorial(s: Session): string {
  const n = s.chance(80) ? s.below(40) : s.below(100_000);
  const irq = s.chance(50) ? 0x80 : 0;
  return s.tell(`${n} ${hex(irq)}`, () => {
    s.card.write(BAR0, 0x20, 32, irq);
    s.card.write(BAR0, 0x08, 32, n);
    s.computed();
    if (irq) s.until(() => (Number(s.card.read(BAR0, 0x24, 32)) & 1) === 1);
    return `${hex(s.card.read(BAR0, 0x08, 32))} irq ${hex(s.card.read(BAR0, 0x24, 32))}`;
  });
}

function raise(s: Session): string {
  const value = s.pick([0, 1, 2, 0x100, 0x80000000, s.next()]);
  return s.tell(hex(value), () => {
    s.card.write(BAR0, 0x60, 32, value);
    return hex(s.card.read(BAR0, 0x24, 32));
  });
}

function acknowledge(s: Session): string {
  const value = s.chance(60) ? 0xffff_ffff : s.next();
  return s.tell(hex(value), () => {
    s.card.write(BAR0, 0x64, 32, value);
    return `${hex(s.card.read(BAR0, 0x24, 32))} status ${hex(s.card.read(CONFIG, 0x06, 16))}`;
  });
}

/** In range on the card's side; anything on the memory's. */
function dma(s: Session): string {
  const count = BigInt(s.pick([0, 1, 3, 64, 100, 4095, 4096, s.below(4097)]));
  const inside = BigInt(BUFFER) + BigInt(s.below(4097 - Number(count)));
  const outside = s.iova();
  const toHost = s.chance(60) || s.writeOnly(outside, count);
  const command = 1n | (toHost ? 2n : 0n) | (s.chance(40) ? 4n : 0n) | (s.chance(10) ? 0xdead_beef_0000n : 0n);
  const [from, to] = toHost ? [inside, outside] : [outside, inside];
  return s.tell(`${hex(from)} ${hex(to)} ${count} ${hex(command)}`, () => {
    s.transfer(from, to, count, command);
    return `${hex(s.card.read(BAR0, 0x98, 64))} ${s.memory()}`;
  });
}

/** Past the end of the card's buffer. Only towards memory, and not far: QEMU 10.0 reads what lies behind its buffer. */
function dmaOutOfRange(s: Session): string {
  const inside = BigInt(BUFFER + 4096 - s.below(16));
  return s.tell(hex(inside), () =>
    s.apart({ read: true, write: true }, (bytes) => {
      bytes.fill(0x77);
      s.transfer(inside, APART, 32n, 3n);
      return bytes.every((byte) => byte === 0x77) ? 'nothing moved' : 'moved';
    }),
  );
}

/** Memory that the card may only write. */
function dmaFromWriteOnly(s: Session): string {
  return s.tell('64', () => {
    const at = BigInt(BUFFER);
    s.apart({ read: false, write: true }, (bytes) => {
      bytes.fill(0x77);
      s.transfer(APART, at, 64n, 1n);
    });
    return s.apart({ read: true, write: true }, (bytes) => {
      s.transfer(at, APART, 64n, 3n);
      const moved = bytes[0] === 0x77;
      bytes.fill(0);
      s.transfer(APART, at, 64n, 1n);
      return moved ? 'moved' : 'nothing moved';
    });
  });
}

/** While a transfer is on its way: what is written to its registers is dropped; it obeys COMMAND when it moves. */
function busy(s: Session): string {
  const toggle = s.chance(50);
  const somewhere = s.iova();
  const iova = s.writeOnly(somewhere, 64n) ? APART : somewhere;
  const instead = [BigInt(BUFFER), BigInt(BUFFER), 0n, 3n];
  return s.tell(`${hex(iova)}${toggle ? ' toggle' : ''}`, () => {
    for (;;) {
      const start = performance.now();
      s.begin(iova, BigInt(BUFFER), 64n, 1n);
      const command = Number(s.card.read(CONFIG, COMMAND, 16));
      if (toggle) s.card.write(CONFIG, COMMAND, 16, command ^ MASTER);
      for (const [i, offset] of DMA.entries()) s.card.write(BAR0, offset, 64, instead[i] ?? 0n);
      const seen = DMA.map((offset) => hex(s.card.read(BAR0, offset, 64)));
      const late = performance.now() - start > 50;
      s.moved();
      if (toggle) s.card.write(CONFIG, COMMAND, 16, command);
      // The machine was elsewhere for so long that the transfer may have been over: again.
      if (!late) return `${seen.join(' ')} then ${hex(s.card.read(BAR0, 0x98, 64))}`;
    }
  });
}

function fill(s: Session): string {
  const which = s.below(s.memories.length);
  const memory = s.memories[which] as DmaMemory;
  const byte = s.next() & 0xff;
  memory.bytes.fill(byte, s.below(memory.size));
  return `${which} ${byte} ${s.memory()}`;
}

function map(s: Session): string {
  const which = s.below(s.memories.length);
  const memory = s.memories[which] as DmaMemory;
  const iova = s.pick(IOVAS);
  const access = s.pick(['rw', 'rw', 'rw', 'r', 'w', '']);
  return s.tell(`${which} ${hex(iova)} ${access}`, () => {
    s.card.dmaMap(memory, iova, { read: access.includes('r'), write: access.includes('w') });
    s.mapped.push({ iova, memory, access });
    return 'mapped';
  });
}

function unmap(s: Session): string {
  const mine = s.mapped[s.below(Math.max(1, s.mapped.length))];
  const [iova, size] = s.pick<[bigint, number]>([
    [mine?.iova ?? 0n, mine?.memory.size ?? 4096],
    [mine?.iova ?? 0n, mine?.memory.size ?? 4096],
    [mine?.iova ?? 0n, 4096],
    [s.pick(IOVAS), 4096],
    [s.pick(IOVAS), 0],
    [s.pick(IOVAS), 0x100_0000],
  ]);
  const within = (at: bigint): boolean => iova <= at && at < iova + BigInt(size);
  return s.tell(`${hex(iova)} ${hex(size)}`, () => {
    try {
      s.card.dmaUnmap(iova, size);
      return 'unmapped';
    } finally {
      // Also where less was mapped than was asked for; a mapping that was cut is still there and refuses again.
      const cut = s.mapped.some(
        ({ iova: at, memory }) =>
          at < iova + BigInt(size) &&
          iova < at + BigInt(memory.size) &&
          !(within(at) && within(at + BigInt(memory.size) - 1n)),
      );
      const whole = (iova & 0xfffn) === 0n && size > 0 && iova + BigInt(size) <= 1n << 64n;
      if (!cut && whole) {
        for (let i = s.mapped.length - 1; i >= 0; i--) if (within(s.mapped[i]?.iova ?? -1n)) s.mapped.splice(i, 1);
      }
    }
  });
}

function command(s: Session): string {
  const value =
    (s.chance(90) ? MEM : 0) |
    (s.chance(70) ? MASTER : 0) |
    (s.chance(15) ? INTX_DISABLE : 0) |
    (s.chance(50) ? IO : 0) |
    (s.chance(50) ? SERR : 0) |
    (s.chance(10) ? 0x7000 : 0);
  const [offset, width] = s.pick<[number, 8 | 16 | 32]>([
    [4, 16],
    [4, 16],
    [4, 16],
    [4, 8],
    [5, 8],
    [4, 32],
  ]);
  const written = narrow(offset === 5 ? value >>> 8 : value, width);
  return s.tell(`${offset} ${width} ${hex(written)}`, () => {
    s.card.write(CONFIG, offset, width, written);
    return hex(s.card.read(CONFIG, COMMAND, 32));
  });
}

function readConfig(s: Session): string {
  const width = s.pick([8, 16, 32] as const);
  const offset = (width / 8) * s.below(256 / (width / 8));
  return s.tell(`${hex(offset)} ${width}`, () => hex(s.card.read(CONFIG, offset, width)));
}

function writeConfig(s: Session): string {
  const width = s.pick([8, 16, 32] as const);
  const anywhere = s.chance(40) ? 0x40 + s.below(0x14) : s.below(256);
  const offset = anywhere - (anywhere % (width / 8));
  // COMMAND has an operation of its own.
  if (offset >= 4 && offset < 8) return `${hex(offset)} left alone`;
  const value = narrow(s.next(), width);
  return s.tell(`${hex(offset)} ${width} ${hex(value)}`, () => {
    s.card.write(CONFIG, offset, width, value);
    return `${hex(s.card.read(CONFIG, offset, width))} ${s.config()}`;
  });
}

function irqs(s: Session): string {
  // Not ERR: whether a card without PCI Express has it depends on the kernel.
  const index = s.pick([0, 0, 0, 0, 1, 1, 1, 1, 4, 4, 2, 6, 5]);
  const action = s.pick<IrqAction>(['trigger', 'trigger', 'trigger', 'unmask', 'mask']);
  const eventfd =
    action === 'unmask' ? s.eventfds.unmask : s.eventfds[index === 0 ? 'intx' : index === 4 ? 'req' : 'msi'];
  const start = s.chance(95) ? 0 : 1;
  const [text, data] = s.pick<[string, IrqData]>([
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
  return s.tell(`${index} ${action} ${start} ${text}`, () => {
    s.eventfds.unmask.drain();
    s.card.setIrqs(index, action, start, data);
    return 'set';
  });
}

/** The way of a driver: enable, or handle and unmask. */
function intx(s: Session): string {
  const which = s.below(3);
  return s.tell(['enable', 'unmask', 'disable'][which] ?? '', () => {
    if (which === 0) s.card.setIrqs(0, 'trigger', 0, { eventfds: [s.eventfds.intx] });
    else if (which === 1) s.card.setIrqs(0, 'unmask', 0, { none: 1 });
    else s.card.setIrqs(0, 'trigger', 0, { none: 0 });
    return 'set';
  });
}

function msi(s: Session): string {
  const which = s.below(3);
  return s.tell(['enable', 'trigger', 'disable'][which] ?? '', () => {
    if (which === 0) s.card.setIrqs(1, 'trigger', 0, { eventfds: [s.eventfds.msi] });
    else s.card.setIrqs(1, 'trigger', 0, { none: which === 1 ? 1 : 0 });
    return 'set';
  });
}

/** The eventfd that unmasks INTx, where it was armed. */
function unmaskBySignal(s: Session): string {
  writeSync(s.eventfds.unmask.fd, ONE);
  pause(20);
  const status = hex(s.card.read(CONFIG, 0x06, 16));
  s.eventfds.unmask.drain();
  return status;
}

function reset(s: Session): string {
  return s.tell('', () => {
    s.card.reset();
    return `${hex(s.card.read(BAR0, 0x24, 32))} config ${s.config()}`;
  });
}

/** How often each operation comes, in a hundred or so. */
export const OPERATIONS: readonly (readonly [number, string, (s: Session) => string])[] = [
  [120, 'read', read],
  [150, 'write', write],
  [30, 'block', block],
  [15, 'write-block', writeBlock],
  [50, 'factorial', factorial],
  [100, 'raise', raise],
  [60, 'acknowledge', acknowledge],
  [40, 'dma', dma],
  [3, 'dma-out-of-range', dmaOutOfRange],
  [2, 'dma-from-write-only', dmaFromWriteOnly],
  [6, 'busy', busy],
  [20, 'fill', fill],
  [45, 'map', map],
  [25, 'unmap', unmap],
  [60, 'command', command],
  [50, 'read-config', readConfig],
  [60, 'write-config', writeConfig],
  [90, 'irqs', irqs],
  [60, 'intx', intx],
  [60, 'msi', msi],
  [6, 'unmask-by-signal', unmaskBySignal],
  [5, 'reset', reset],
];

/** The names of all operations. */
export const OPERATION_NAMES: readonly string[] = OPERATIONS.map(([, name]) => name);
