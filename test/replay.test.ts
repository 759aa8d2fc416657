/** A recording of a card is a card: what was done with it is answered as it was, without it. On QEMU's edu it is made in vm/prompt.test.ts. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { record } from '../lib/backends/record.js';
import { openReplay } from '../lib/backends/replay.js';
import { openSim } from '../lib/backends/sim.js';
import {
  BusError,
  type CardEvent,
  type Device,
  EDU,
  EDU_DMA_MASK,
  GoneError,
  LabError,
  open,
  until,
} from '../lib/index.js';
import { SEED, runTrace } from './trace/main.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-replay-'));
after(() => rmSync(folder, { recursive: true }));
const PATIENCE = 20_000;
const CARD = 0x40000n;

/** Does it with the simulated card, and with the recording of that; both give the same. */
async function both<T>(name: string, program: (dev: Device) => Promise<T> | T): Promise<[T, string]> {
  const file = join(folder, `${name}.jsonl`);
  const results: string[] = [];
  let result: T | undefined;
  for (const spec of [`record:${file}#sim:edu`, `replay:${file}`]) {
    using dev = open(spec);
    assert.equal(dev.spec, spec);
    result = await program(dev);
    results.push(JSON.stringify(result).replaceAll(dev.path, 'CARD'));
  }
  assert.equal(results[1], results[0]);
  return [result as T, file];
}

const refused = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof LabError, String(error));
    return `${error.name} ${error.message}`;
  }
  throw new Error('it was not refused');
};

/** The card's own memory from and to ours. */
function begin(dev: Device, from: bigint, to: bigint, toMemory: boolean, irq: boolean): void {
  const edu = dev.bar(0).registers(EDU);
  edu.DMA_SRC.write(from);
  edu.DMA_DST.write(to);
  edu.DMA_COUNT.write(8n);
  edu.DMA_CMD.write({ RUN: 1n, TO_MEMORY: toMemory ? 1n : 0n, IRQ: irq ? 1n : 0n });
}

test('a seeded session of every kind of operation is replayed line by line', () => {
  const file = join(folder, 'trace.jsonl');
  const lines = [() => record(file, openSim('edu')), () => openReplay(file)].map((opened) => {
    const card = opened();
    try {
      return runTrace(card, SEED, 400);
    } finally {
      card.close();
    }
  });
  assert.equal(lines[0]?.length, 401);
  assert.deepEqual(lines[1], lines[0]);
});

test('registers, interrupts and DMA are as they were', async () => {
  const [said] = await both('session', async (dev) => {
    const edu = dev.bar(0).registers(EDU);
    edu.FACTORIAL.write(12);
    const done = await until(() => edu.STATUS.read().COMPUTING === 0 && edu.FACTORIAL.read(), { timeout: PATIENCE });
    dev.busMaster(true);
    const [irq] = dev.enableIrqs('msi');
    const buffer = dev.dma(4096, { mask: EDU_DMA_MASK, guard: true });
    buffer.bytes.set([8, 7, 6, 5, 4, 3, 2, 1]);
    for (const [from, to, toMemory] of [
      [buffer.iova, CARD, false],
      [CARD, buffer.iova + 64n, true],
    ] as const) {
      begin(dev, from, to, toMemory, true);
      assert.equal(await irq.wait({ timeout: PATIENCE }), 1);
      edu.IRQ_ACK.write(0x100);
    }
    dev.reset();
    return [done, [...buffer.bytes.subarray(60, 76)], irq.count, dev.capabilities().length];
  });
  assert.deepEqual(said, [479_001_600, [0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0], 2, 1]);
});

test('each wait takes the firings that it took; a loop that counts them sees them', async () => {
  const [counts] = await both('waits', async (dev) => {
    const edu = dev.bar(0).registers(EDU);
    dev.busMaster(true);
    const [irq] = dev.enableIrqs('msi');
    const taken: number[] = [];
    for (let i = 0; i < 3; i++) {
      irq.trigger();
      taken.push(await irq.wait({ timeout: PATIENCE }));
    }
    edu.IRQ_RAISE.write(1);
    while (irq.count < 4) irq.enabled;
    taken.push(await irq.wait({ timeout: PATIENCE }));
    // Two that come while nothing is called.
    const both = [irq.wait({ timeout: PATIENCE }), irq.wait({ timeout: PATIENCE })];
    irq.trigger();
    taken.push((await both[0]) ?? 0);
    irq.trigger();
    taken.push((await both[1]) ?? 0);
    return taken;
  });
  assert.deepEqual(counts, [1, 1, 1, 1, 1, 1]);
});

test('memory that changes while a program awaits, and calls nothing', async () => {
  await both('memory', async (dev) => {
    dev.busMaster(true);
    const buffer = dev.dma(4096, { mask: EDU_DMA_MASK });
    buffer.bytes.fill(0x55, 0, 8);
    begin(dev, CARD, buffer.iova, true, false);
    await until(() => buffer.bytes[0] === 0, { timeout: PATIENCE });
    return [...buffer.bytes.subarray(0, 12)];
  });
});

test('errors are what they were, of this card', async () => {
  const [words] = await both('errors', (dev) => {
    const bar = dev.bar(0);
    dev.config.at('COMMAND').write(0);
    assert.throws(() => bar.read32(0), BusError);
    const faulted = refused(() => bar.read32(0));
    dev.config.at('COMMAND').write(2);
    return [faulted, refused(() => dev.hotReset()), refused(() => dev.lowPower(true)), bar.read32(0)];
  });
  assert.match(String(words[0]), /^BusError replay:\S+errors\.jsonl\/bar0\+0x0: read32: the access faulted on the bus/);
  assert.match(String(words[1]), /^SystemError replay:\S+: VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: .*\(ENODEV\)/);
});

test('the card is taken away as it was', async () => {
  await both('gone', async (dev) => {
    const event = new Promise<CardEvent>((resolve) => dev.onEvent(resolve));
    const alive = setTimeout(() => {}, PATIENCE);
    dev.rehearse('req');
    const { kind, message } = await event;
    clearTimeout(alive);
    assert.equal(dev.closed, true);
    assert.throws(() => dev.bar(0).read32(0), GoneError);
    return [kind, message];
  });
});

test('what differs is refused, and says what was done then; doing that goes on', async () => {
  const [, file] = await both('order', (dev) => {
    dev.bar(0).write32(4, 0x1234);
    return dev.bar(0).read32(4);
  });
  using dev = open(`replay:${file}`);
  const bar = dev.bar(0);
  const at =
    readFileSync(file, 'utf8')
      .split('\n')
      .findIndex((line) => line.includes('write32')) + 1;
  assert.equal(
    refused(() => bar.read32(4)),
    `UsageError replay:${file}: read32: 'read32 bar0+0x4' was not done then: the recording has 'write32 bar0+0x4 0x1234' here ` +
      `(line ${at}); do as was recorded, in the same order; or record it anew`,
  );
  assert.match(
    refused(() => bar.write32(4, 0x1235)),
    /'write32 bar0\+0x4 0x1235' was not done then/,
  );
  bar.write32(4, 0x1234);
  assert.equal(bar.read32(4), 0xffff_edcb);
  assert.match(
    refused(() => bar.read32(4)),
    /the recording ends here/,
  );
  assert.match(
    refused(() => dev.dma(4096)),
    /'dmaAlloc 0x1000 in pages of 0x1000' was not done then/,
  );
  assert.match(
    refused(() => dev.enableIrqs('msi')),
    /'setIrqs msi trigger 0: eventfds 0'/,
  );
  assert.equal(dev.driver, 'recording of sim:edu');
});

test('what was recorded before a process was killed is there', async () => {
  const [, file] = await both('killed', (dev) => dev.bar(0).read32(0));
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"call":"read32 bar0`);
  using dev = open(`replay:${file}`);
  assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
});

test('what is no recording, or cannot be one, is refused', async () => {
  const file = join(folder, 'other');
  assert.match(
    refused(() => open(`replay:${file}`)),
    /^SystemError replay:.*\(ENOENT\); make one: open\('record:other#/,
  );
  for (const text of ['', '{"recording":2}\n', '{}\nx\n', 'x\n', '1\n']) {
    writeFileSync(file, text);
    assert.match(
      refused(() => open(`replay:${file}`)),
      /^UsageError replay:.*: line [12] is not of a recording/,
    );
  }
  assert.match(
    refused(() => open('record:run.jsonl')),
    /which card is to be recorded, and into which file/,
  );
  assert.match(
    refused(() => open(`record:${folder}#sim:edu`)),
    /^SystemError record:.*\(EISDIR\)/,
  );
  // Each opening that was refused has left the card free.
  using dev = open('sim:edu');
  assert.match(
    refused(() => open(`record:${file}#sim:edu`)),
    /open already/,
  );
  assert.match(
    refused(() => open(`record:${file}#sim:edu`, { iommuOf: dev })),
    /UsageError record:.*one IOMMU/,
  );
  assert.match(
    refused(() => open(`replay:${file}`, { iommuOf: dev })),
    /UsageError replay:.*has no IOMMU/,
  );
  assert.match(
    refused(() => open(`replay:${file}`, { share: true })),
    /a recording is a file/,
  );
});

test('a full disk is told, and the card is free again', () => {
  const error = refused(() => open('record:/dev/full#sim:edu'));
  assert.match(error, /^SystemError record:\/dev\/full: write: .*\(ENOSPC\); record to another file/);
  open('sim:edu').close();
});
