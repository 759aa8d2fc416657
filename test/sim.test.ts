import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Backend, IRQ, REGION } from '../lib/backend.js';
import { openSim } from '../lib/backends/sim.js';
import type { PageMemory } from '../lib/backends/memory.js';

const BAR0 = REGION.BAR0;
const CONFIG = REGION.CONFIG;
const COMMAND = 0x04;
const MEM = 0x2;
const MASTER = 0x4;
const STATUS = 0x20;
const IRQ_STATUS = 0x24;
const RAISE = 0x60;
const ACK = 0x64;
const DMA_COMMAND = 0x98;
const BUFFER = 0x40000;
const BOTH = { read: true, write: true };

/** Runs `body` on a fresh card and closes it. */
const withCard = (body: (card: Backend) => void | Promise<void>) => async () => {
  const card = openSim('edu');
  try {
    await body(card);
  } finally {
    card.close();
  }
};

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
  card.write(BAR0, 0x80, 64, BigInt(source));
  card.write(BAR0, 0x88, 64, BigInt(destination));
  card.write(BAR0, 0x90, 64, BigInt(count));
  card.write(BAR0, DMA_COMMAND, 64, BigInt(command));
}

/** Transfers and waits, the synchronous way. */
function dma(card: Backend, source: bigint | number, destination: bigint | number, count: number, command: number) {
  startDma(card, source, destination, count, command);
  while (bar(card, DMA_COMMAND) & 1);
}

const refused = (errno: string) => (error: unknown) => {
  assert.equal((error as { name: string }).name, 'SystemError');
  assert.equal((error as { errno: string }).errno, errno);
  return true;
};

test('a card that nobody simulates is a usage error that lists the known ones', () => {
  assert.throws(() => openSim('nvme'), { name: 'UsageError', message: /sim:nvme.*known: sim:edu/ });
});

test(
  'the identity, and a liveness register that answers inverted',
  withCard((card) => {
    assert.equal(card.read(CONFIG, 0, 32), 0x11e81234);
    assert.equal(card.read(CONFIG, 8, 32), 0x00ff0010);
    assert.equal(bar(card, 0), 0x010000ed);
    card.write(BAR0, 4, 32, 0x12345678);
    assert.equal(bar(card, 4), 0xedcba987);
  }),
);

test(
  'a factorial takes its time, and a loop that polls STATUS sees it done',
  withCard((card) => {
    card.write(BAR0, 8, 32, 10);
    assert.equal(bar(card, STATUS) & 1, 1);
    card.write(BAR0, 8, 32, 3); // dropped: busy
    while (bar(card, STATUS) & 1);
    assert.equal(bar(card, 8), 3628800);
  }),
);

test(
  'DMA takes 100 ms, and a loop that polls a byte of the buffer sees it arrive',
  withCard((card) => {
    const memory = mapped(card, 0x1000n, 8192);
    card.write(CONFIG, COMMAND, 16, MEM | MASTER);
    memory.bytes.fill(0x5a, 0, 100);
    const start = performance.now();
    dma(card, 0x1000, BUFFER + 50, 100, 1);
    const took = performance.now() - start;
    assert.ok(took >= 99, `took ${took} ms`);
    // across a page, and no byte more than asked for
    startDma(card, BUFFER + 50, 0x1fd0, 100, 3);
    while (memory.bytes[0xfd0 + 99] !== 0x5a);
    assert.ok(memory.bytes.subarray(0xfd0, 0xfd0 + 100).every((byte) => byte === 0x5a));
    assert.equal(memory.bytes[0xfd0 + 100], 0);
  }),
);

test(
  'INTx fires once and is masked; unmasked with the line still high it fires at once',
  withCard((card) => {
    const eventfd = card.eventfd();
    card.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [eventfd] });
    card.write(BAR0, RAISE, 32, 5);
    card.write(BAR0, RAISE, 32, 8);
    assert.equal(eventfd.drain(), 1);
    card.setIrqs(IRQ.intx, 'unmask', 0, { none: 1 });
    assert.equal(eventfd.drain(), 1);
    card.write(BAR0, ACK, 32, 0xf);
    card.setIrqs(IRQ.intx, 'unmask', 0, { none: 1 });
    assert.equal(eventfd.drain(), 0);
    card.write(BAR0, RAISE, 32, 1);
    assert.equal(eventfd.drain(), 1);
    assert.equal(bar(card, IRQ_STATUS), 1);
    eventfd.close();
  }),
);

test(
  'no MSI without bus mastering',
  withCard((card) => {
    const eventfd = card.eventfd();
    card.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [eventfd] });
    card.write(BAR0, RAISE, 32, 1);
    assert.equal(eventfd.drain(), 0);
    card.write(CONFIG, COMMAND, 16, MEM | MASTER);
    card.write(BAR0, RAISE, 32, 2);
    assert.equal(eventfd.drain(), 1);
    assert.throws(() => card.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [eventfd] }), refused('EINVAL'));
    eventfd.close();
  }),
);
