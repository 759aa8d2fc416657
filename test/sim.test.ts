/** The simulated edu card, where the contract says nothing: what QEMU's edu does behind vfio-pci, and how it answers misuse. */
import assert from 'node:assert/strict';
import { writeSync } from 'node:fs';
import { test } from 'node:test';
import { type Backend, IRQ, type IrqAction, type IrqData, REGION } from '../lib/backend.js';
import type { PageMemory } from '../lib/backends/memory.js';
import { openSim } from '../lib/backends/sim.js';
import { BusError, SystemError, UsageError } from '../lib/errors.js';

const BAR0 = REGION.BAR0;
const CONFIG = REGION.CONFIG;
const COMMAND = 0x04;
const MEM = 0x2;
const MASTER = 0x4;
const INTX_DISABLE = 0x400;
const LIVENESS = 0x04;
const FACTORIAL = 0x08;
const STATUS = 0x20;
const IRQ_STATUS = 0x24;
const RAISE = 0x60;
const ACK = 0x64;
const DMA_COMMAND = 0x98;
const BUFFER = 0x40000;
const BOTH = { read: true, write: true };

/** A test on a fresh card, with bus mastering on. */
const on = (name: string, body: (card: Backend) => void | Promise<void>) =>
  test(name, { timeout: 60_000 }, async () => {
    const card = openSim('edu');
    try {
      card.write(CONFIG, COMMAND, 16, MEM | MASTER);
      await body(card);
    } finally {
      card.close();
    }
  });

const bar = (card: Backend, offset: number): number => Number(card.read(BAR0, offset, 32));

function mapped(card: Backend, iova: bigint, size = 4096, access = BOTH): PageMemory {
  const memory = card.dmaAlloc(size, 4096) as PageMemory;
  card.dmaMap(memory, iova, access);
  return memory;
}

function startDma(
  card: Backend,
  source: bigint | number,
  destination: bigint | number,
  count: number,
  command: number,
) {
  for (const [offset, value] of [source, destination, count, command].entries()) {
    card.write(BAR0, 0x80 + 8 * offset, 64, BigInt(value));
  }
}

/** Polls without ever awaiting. */
function spin(done: () => boolean): void {
  const deadline = performance.now() + 20_000;
  while (!done()) assert.ok(performance.now() < deadline, 'not within 20 s');
}

/** Transfers and waits, the synchronous way. */
function dma(card: Backend, source: bigint | number, destination: bigint | number, count: number, command: number) {
  startDma(card, source, destination, count, command);
  spin(() => !(bar(card, DMA_COMMAND) & 1));
}

/** What the card's buffer begins with, fetched through a page of its own. */
function buffer(card: Backend, count: number): number[] {
  const memory = mapped(card, 0x80_0000n);
  dma(card, BUFFER, 0x80_0000, count, 3);
  const bytes = [...memory.bytes.subarray(0, count)];
  card.dmaUnmap(0x80_0000n, memory.size);
  memory.release();
  return bytes;
}

const refused = (errno: string | undefined) => (error: unknown) => {
  assert.ok(error instanceof SystemError, String(error));
  assert.equal(error.errno, errno);
  return true;
};

on('no bus to reset, no low power, no features: each says so', (card) => {
  for (const [act, words] of [
    [
      () => card.hotResetMembers(),
      /^sim:edu: VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: .*no bus.*\(ENODEV\); dev\.reset\(\)/,
    ],
    [() => card.hotReset(), /^sim:edu: VFIO_DEVICE_PCI_HOT_RESET: .*no bus.*\(ENODEV\); dev\.reset\(\)/],
    [() => card.lowPower(true), /^sim:edu: VFIO_DEVICE_FEATURE: .*no low power \(ENOTTY\); dev\.features\(\)/],
  ] as const) {
    assert.throws(act, (error) => error instanceof SystemError && words.test(error.message));
  }
  assert.deepEqual(card.features(), []);
});

test('a card that nobody simulates is a usage error that lists the known ones', () => {
  assert.throws(() => openSim('nvme'), { name: 'UsageError', message: /sim:nvme.*known: sim:edu/ });
});

on(
  'a register is accessed in 32 bits, from 0x80 on in 64 too; other widths read all-ones and write nothing',
  (card) => {
    card.write(BAR0, LIVENESS, 32, 0x12345678);
    card.write(BAR0, LIVENESS, 8, 0);
    card.write(BAR0, LIVENESS, 16, 0);
    card.write(BAR0, 0, 64, 0n);
    assert.equal(bar(card, LIVENESS), 0xedcba987);
    assert.equal(card.read(BAR0, 0, 8), 0xff);
    assert.equal(card.read(BAR0, 0, 16), 0xffff);
    assert.equal(card.read(BAR0, 0, 64), 0xffff_ffff_ffff_ffffn);
    assert.equal(bar(card, 0x30), 0xffff_ffff, 'nothing is there');
    assert.equal(bar(card, BUFFER), 0xffff_ffff, 'the DMA buffer is no register');
    card.write(BAR0, 0x80, 64, 0x0123_4567_89ab_cdefn);
    assert.equal(bar(card, 0x80), 0x89ab_cdef);
    assert.equal(card.read(BAR0, 0x80, 8), 0xff);
    assert.equal(card.read(BAR0, 0x80, 64), 0x0123_4567_89ab_cdefn);
    card.write(BAR0, 0x80, 32, 7);
    assert.equal(card.read(BAR0, 0x80, 64), 7n);
  },
);

on(
  'a factorial takes its time: a loop that polls STATUS sees it done, what is written meanwhile is dropped',
  (card) => {
    card.write(BAR0, FACTORIAL, 32, 10);
    spin(() => !(bar(card, STATUS) & 1));
    assert.equal(bar(card, FACTORIAL), 3628800);
    card.write(BAR0, FACTORIAL, 32, 0xffff_ffff);
    card.write(BAR0, FACTORIAL, 32, 3);
    assert.equal(bar(card, STATUS), 1);
    assert.equal(bar(card, FACTORIAL), 0xffff_ffff);
  },
);

on('DMA takes 100 ms, and a loop that polls a byte of the buffer sees it arrive', (card) => {
  const memory = mapped(card, 0x1000n, 8192);
  memory.bytes.fill(0x5a, 0, 100);
  const start = performance.now();
  dma(card, 0x1000, BUFFER + 50, 100, 1);
  const took = performance.now() - start;
  assert.ok(took >= 99, `took ${took} ms`);
  // across a page, and no byte more than asked for
  startDma(card, BUFFER + 50, 0x1fd0, 100, 3);
  spin(() => memory.bytes[0xfd0 + 99] === 0x5a);
  assert.ok(memory.bytes.subarray(0xfd0, 0xfd0 + 100).every((byte) => byte === 0x5a));
  assert.equal(memory.bytes[0xfd0 - 1], 0);
  assert.equal(memory.bytes[0xfd0 + 100], 0);
});

on('while a transfer is on its way, its registers can be read and not written', (card) => {
  const all = [0x80, 0x88, 0x90, 0x98];
  const seen = () => all.map((offset) => card.read(BAR0, offset, 64));
  let before: unknown;
  let after: unknown;
  // Again, where the machine was elsewhere for so long that the transfer may be over.
  for (let late = true; late; ) {
    spin(() => !(bar(card, DMA_COMMAND) & 1));
    const start = performance.now();
    startDma(card, 0x1000, BUFFER, 8, 1);
    before = seen();
    for (const offset of all) card.write(BAR0, offset, 64, BigInt(BUFFER));
    after = seen();
    late = performance.now() - start > 50;
  }
  assert.deepEqual(after, before);
  spin(() => !(bar(card, DMA_COMMAND) & 1));
  assert.deepEqual(seen(), [0x1000n, BigInt(BUFFER), 8n, 0n]);
  card.write(BAR0, DMA_COMMAND, 64, 6n);
  assert.equal(card.read(BAR0, DMA_COMMAND, 64), 0n, 'a command that does not run is dropped');
});

on('the card drives 28 address bits', (card) => {
  const memory = mapped(card, 0x3000n);
  memory.bytes.fill(0x42);
  mapped(card, 0x1000_3000n).bytes.fill(0x43);
  dma(card, 0x1000_3000, BUFFER, 4, 1);
  assert.deepEqual(buffer(card, 4), [0x42, 0x42, 0x42, 0x42]);
});

on('what the card cannot reach it reads as zeros, and what it writes there is lost', (card) => {
  const memory = mapped(card, 0x3000n);
  const readOnly = mapped(card, 0x6000n, 4096, { read: true, write: false });
  const writeOnly = mapped(card, 0x9000n, 4096, { read: false, write: true });
  memory.bytes.fill(1);
  writeOnly.bytes.fill(2);
  const fill = () => dma(card, 0x3000, BUFFER, 8, 1);
  fill();
  dma(card, 0x4000 - 2, BUFFER, 4, 1);
  assert.deepEqual(buffer(card, 6), [1, 1, 0, 0, 1, 1], 'half mapped');
  fill();
  dma(card, 0x9000, BUFFER, 4, 1);
  assert.deepEqual(buffer(card, 6), [0, 0, 0, 0, 1, 1], 'write-only');
  fill();
  dma(card, BUFFER, 0x6000, 8, 3);
  assert.equal(readOnly.bytes[0], 0, 'read-only');
  card.write(CONFIG, COMMAND, 16, MEM);
  dma(card, BUFFER, 0x9000, 8, 3);
  dma(card, 0x3000, BUFFER, 4, 1);
  card.write(CONFIG, COMMAND, 16, MEM | MASTER);
  assert.equal(writeOnly.bytes[0], 2, 'no bus master');
  assert.deepEqual(buffer(card, 6), [0, 0, 0, 0, 1, 1], 'no bus master');
});

on('a transfer past the end of the card’s buffer moves nothing, and ends', (card) => {
  const memory = mapped(card, 0x3000n, 8192);
  memory.bytes.fill(7);
  dma(card, 0x3000, BUFFER, 4096, 1);
  memory.bytes.fill(9);
  for (const [at, count] of [
    [BUFFER, 4097],
    [BUFFER + 4096, 1],
    [BUFFER - 1, 1],
    [0, 16],
  ] as const) {
    dma(card, at, 0x3000, count, 3);
    dma(card, 0x3000, at, count, 1);
  }
  assert.ok(memory.bytes.every((byte) => byte === 9));
  assert.deepEqual(buffer(card, 2), [7, 7]);
});

on('an unmapped buffer is out of reach at once, also for a transfer that is on its way', (card) => {
  const memory = mapped(card, 0x3000n);
  startDma(card, BUFFER, 0x3000, 8, 3);
  memory.bytes.fill(5);
  card.dmaUnmap(0x3000n, memory.size);
  spin(() => !(bar(card, DMA_COMMAND) & 1));
  assert.equal(memory.bytes[0], 5);
});

on('INTx fires once and is masked; unmasked with the line still high it fires at once', (card) => {
  const eventfd = card.eventfd();
  card.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [eventfd] });
  card.write(BAR0, RAISE, 32, 5);
  card.write(BAR0, RAISE, 32, 8);
  assert.equal(eventfd.drain(), 1);
  assert.equal(Number(card.read(CONFIG, 6, 16)) & 8, 8, 'STATUS shows the line');
  card.setIrqs(IRQ.intx, 'unmask', 0, { none: 1 });
  assert.equal(eventfd.drain(), 1);
  card.write(BAR0, ACK, 32, 0xd);
  card.setIrqs(IRQ.intx, 'unmask', 0, { none: 1 });
  assert.equal(eventfd.drain(), 0);
  card.write(BAR0, RAISE, 32, 1);
  assert.equal(eventfd.drain(), 1);
  assert.equal(bar(card, IRQ_STATUS), 1);
  eventfd.close();
});

on('COMMAND.INTX_DISABLE holds INTx back until it is cleared', (card) => {
  const eventfd = card.eventfd();
  card.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [eventfd] });
  card.write(CONFIG, COMMAND, 16, MEM | INTX_DISABLE);
  card.write(BAR0, RAISE, 32, 1);
  assert.equal(eventfd.drain(), 0);
  card.write(CONFIG, COMMAND, 16, MEM);
  assert.equal(eventfd.drain(), 1);
  eventfd.close();
});

on('an eventfd that unmasks INTx does so without a call', async (card) => {
  const fired = card.eventfd();
  const unmask = card.eventfd();
  card.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [fired] });
  card.setIrqs(IRQ.intx, 'unmask', 0, { eventfds: [unmask] });
  assert.throws(() => card.setIrqs(IRQ.intx, 'unmask', 0, { eventfds: [unmask] }), refused('EBUSY'));
  card.write(BAR0, RAISE, 32, 1);
  assert.equal(fired.drain(), 1);
  writeSync(unmask.fd, new Uint8Array(new BigUint64Array([1n]).buffer));
  spin(() => fired.drain() === 1);
  fired.close();
  unmask.close();
});

on('no MSI without bus mastering; with it one for each cause, and none is sent later', (card) => {
  const eventfd = card.eventfd();
  card.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [eventfd] });
  card.write(CONFIG, COMMAND, 16, MEM);
  card.write(BAR0, RAISE, 32, 1);
  card.write(CONFIG, COMMAND, 16, MEM | MASTER);
  assert.equal(eventfd.drain(), 0);
  card.write(BAR0, RAISE, 32, 2);
  card.write(BAR0, RAISE, 32, 2);
  assert.equal(eventfd.drain(), 2);
  assert.equal(Number(card.read(CONFIG, 6, 16)) & 8, 0, 'the line stays low');
  eventfd.close();
});

on('an interrupt wakes the event loop', async (card) => {
  const eventfd = card.eventfd();
  card.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [eventfd] });
  card.write(BAR0, STATUS, 32, 0x80);
  card.write(BAR0, FACTORIAL, 32, 5);
  eventfd.ref();
  await new Promise<void>((resolve) => eventfd.onReady(resolve));
  assert.equal(eventfd.drain(), 1);
  assert.equal(bar(card, IRQ_STATUS), 1);
  eventfd.close();
});

on('an eventfd closed while armed costs nothing: the card has one of its own', (card) => {
  const eventfd = card.eventfd();
  card.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [eventfd] });
  const { fd } = eventfd;
  eventfd.close();
  const other = card.eventfd();
  assert.equal(other.fd, fd, 'its number is taken again');
  card.write(BAR0, RAISE, 32, 1);
  assert.equal(other.drain(), 0);
  assert.throws(() => card.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [eventfd, other] }), SystemError);
  other.close();
});

on('VFIO_DEVICE_SET_IRQS is refused as the kernel refuses it', (card) => {
  const eventfd = card.eventfd();
  const eventfds = { eventfds: [eventfd] };
  const refusals = (rows: readonly (readonly [number, IrqAction, number, IrqData, string])[]): void => {
    for (const [index, action, start, data, errno] of rows) {
      assert.throws(() => card.setIrqs(index, action, start, data), refused(errno), `${index} ${action}`);
    }
  };
  refusals([
    [IRQ.msi, 'mask', 0, { none: 1 }, 'ENOTTY'],
    [IRQ.req, 'unmask', 0, { none: 1 }, 'ENOTTY'],
    [IRQ.msi, 'trigger', 0, { none: 1 }, 'EINVAL'],
    [IRQ.msi, 'trigger', 0, { none: 0 }, 'EINVAL'],
    [IRQ.msi, 'trigger', 1, eventfds, 'EINVAL'],
    [IRQ.msi, 'trigger', 0, { eventfds: [eventfd, eventfd] }, 'EINVAL'],
    [IRQ.msix, 'trigger', 0, eventfds, 'EINVAL'],
    [IRQ.err, 'trigger', 0, eventfds, 'EINVAL'],
    [9, 'trigger', 0, eventfds, 'EINVAL'],
    [IRQ.intx, 'unmask', 0, { none: 1 }, 'EINVAL'],
    [IRQ.req, 'trigger', 0, { none: 1 }, 'EINVAL'],
  ]);
  card.setIrqs(IRQ.intx, 'trigger', 0, eventfds);
  refusals([
    [IRQ.msi, 'trigger', 0, eventfds, 'EINVAL'],
    [IRQ.intx, 'mask', 0, eventfds, 'ENOTTY'],
    [IRQ.intx, 'unmask', 0, { none: 0 }, 'EINVAL'],
  ]);
  card.setIrqs(IRQ.intx, 'trigger', 0, { none: 0 });
  card.setIrqs(IRQ.msi, 'trigger', 0, eventfds);
  refusals([[IRQ.intx, 'trigger', 0, eventfds, 'EINVAL']]);
  eventfd.close();
});

on('a trigger without an eventfd is a loopback', (card) => {
  for (const index of [IRQ.intx, IRQ.msi, IRQ.req]) {
    const eventfd = card.eventfd();
    card.setIrqs(index, 'trigger', 0, { eventfds: [eventfd] });
    card.setIrqs(index, 'trigger', 0, { none: 1 });
    card.setIrqs(index, 'trigger', 0, { bools: [false] });
    card.setIrqs(index, 'trigger', 0, { bools: [true] });
    assert.equal(eventfd.drain(), 2);
    card.setIrqs(index, 'trigger', 0, { none: 0 });
    eventfd.close();
  }
});

on('VFIO_IOMMU_MAP_DMA and UNMAP_DMA are refused as the kernel refuses them', (card) => {
  const memory = card.dmaAlloc(8192, 4096);
  const map = (iova: bigint, access = BOTH) => card.dmaMap(memory, iova, access);
  for (const iova of [0x800n, 0xfee0_0000n, 0xfedf_f000n, 1n << 48n, (1n << 48n) - 4096n, (1n << 64n) - 4096n]) {
    assert.throws(() => map(iova), refused('EINVAL'), iova.toString(16));
  }
  assert.throws(() => map(0x1000n, { read: false, write: false }), refused('EINVAL'));
  map(0x1000n);
  assert.throws(() => map(0x2000n), refused('EEXIST'));
  assert.throws(() => card.dmaUnmap(0x1000n, 4096), refused('EINVAL'), 'a part');
  assert.throws(() => card.dmaUnmap(0x1000n, 0), refused('EINVAL'));
  assert.throws(() => card.dmaUnmap(0x8000n, 4096), refused(undefined), 'nothing');
  card.dmaUnmap(0x1000n, 8192);
  map(0x2000n);
  memory.release();
  assert.throws(() => map(0x8000n), UsageError);
});

on('with COMMAND.MEM off BAR0 faults and config space answers', (card) => {
  card.write(CONFIG, COMMAND, 16, 0);
  assert.throws(() => card.read(BAR0, 4, 32), {
    name: 'BusError',
    message: /^sim:edu\/bar0\+0x4: read32: .*SIGBUS.*COMMAND\.MEM/,
  });
  assert.throws(() => card.write(BAR0, 4, 64, 0n), BusError);
  assert.throws(() => card.readBlock(BAR0, 0, 32, new Uint8Array(8)), BusError);
  assert.throws(() => card.writeBlock(BAR0, 0, 32, new Uint8Array(8)), BusError);
  assert.equal(card.read(CONFIG, 0, 32), 0x11e8_1234);
  card.write(CONFIG, COMMAND, 16, MEM);
  assert.equal(bar(card, 0), 0x0100_00ed);
});

on('config space is QEMU’s edu’s as vfio-pci shows it', (card) => {
  const read = (offset: number) => Number(card.read(CONFIG, offset, 32));
  assert.deepEqual([read(0x00), read(0x08), read(0x2c)], [0x11e8_1234, 0x00ff_0010, 0x1100_1af4]);
  assert.equal(read(0x34), 0x40, 'one capability');
  assert.equal(read(0x40), 0x0080_0005, 'MSI, 64 bits, one vector, the last');
  assert.equal(read(0x3c) & 0xff00, 0x0100, 'INTA');
  card.write(CONFIG, 0x10, 32, 0xffff_ffff);
  assert.equal(read(0x10), 0xfff0_0000, 'BAR0 sizes as 1 MiB');
  card.write(CONFIG, 0x14, 32, 0xffff_ffff);
  assert.equal(read(0x14), 0, 'there is no other BAR');
  card.write(CONFIG, 0x30, 32, 0xffff_ffff);
  assert.equal(read(0x30), 0, 'and no ROM');
  card.write(CONFIG, 0, 32, 0);
  assert.equal(read(0), 0x11e8_1234);
  card.write(CONFIG, 0x42, 16, 1);
  assert.equal(Number(card.read(CONFIG, 0x42, 16)) & 1, 0, 'MSI is not enabled from here');
  assert.equal(bar(card, 0), 0x0100_00ed, 'where BAR0 is makes no difference to VFIO');
  assert.throws(() => card.read(CONFIG, 0, 64), UsageError);
});

on('a reset keeps COMMAND and the card’s registers, lets a transfer go on, and drops the line', (card) => {
  const memory = mapped(card, 0x3000n);
  memory.bytes.fill(3);
  card.write(BAR0, LIVENESS, 32, 1);
  card.write(BAR0, RAISE, 32, 2);
  startDma(card, 0x3000, BUFFER, 4, 1);
  card.reset();
  assert.equal(Number(card.read(CONFIG, COMMAND, 16)) & (MEM | MASTER), MEM | MASTER);
  assert.equal(Number(card.read(CONFIG, 6, 16)) & 8, 0);
  assert.deepEqual([bar(card, LIVENESS), bar(card, IRQ_STATUS)], [0xffff_fffe, 2]);
  spin(() => !(bar(card, DMA_COMMAND) & 1));
  assert.deepEqual(buffer(card, 4), [3, 3, 3, 3]);
});

on('MSI stays enabled across a reset', (card) => {
  const eventfd = card.eventfd();
  card.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [eventfd] });
  card.reset();
  card.write(BAR0, RAISE, 32, 1);
  assert.equal(eventfd.drain(), 1);
  eventfd.close();
});
