/**
 * In the guest: memory as the kernel has it. Pages of 2 MiB, locked pages, what a long session leaves behind, and a card that another
 * thread has. EDU is bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  type Device,
  EDU_BUFFER,
  EDU_DMA_MASK,
  GuardError,
  open,
  pageMemory,
  SystemError,
} from '../../../lib/index.js';
import { transfer } from '../../contract/edu.js';
import { buffers } from '../../soak/buffers.js';
import { EDU } from '../cards.js';
import { PATHS } from './paths.js';

const MiB = 2 ** 20;
const CARD = BigInt(EDU_BUFFER.offset);
const mask = EDU_DMA_MASK;
const LIB = new URL('../../../lib/index.js', import.meta.url).href;

const free = (): number =>
  Number(readFileSync('/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages', 'utf8').trim());

/** Locked memory, kilobytes: a container counts it as VmLck, an IOAS as VmPin. */
function locked(): number {
  const status = readFileSync('/proc/self/status', 'utf8');
  return [...status.matchAll(/^Vm(?:Lck|Pin):\s+(\d+) kB/gm)].reduce(
    (sum, [, kilobytes]) => sum + Number(kilobytes),
    0,
  );
}

/** Eight bytes of 0x5a from one IOVA to another, by way of the card. */
function through(dev: Device, from: bigint, to: bigint): void {
  transfer(dev, from, CARD, 8, 'to card');
  transfer(dev, CARD, to, 8, 'to memory');
}

for (const path of PATHS) {
  const spec = `${path}:${EDU}`;

  test(`${path}: pages by name, and by libopae's policy`, () => {
    using dev = open(spec);
    dev.busMaster(true);
    const before = free();
    for (const [size, pageSize, told, pages] of [
      [5000, '4K', 8192, 4096],
      [4096, 'opae', 4096, 4096],
      [4097, 'opae', 2 * MiB, 2 * MiB],
      [2 * MiB, 'opae', 2 * MiB, 2 * MiB],
      [2 * MiB + 1, '2M', 4 * MiB, 2 * MiB],
    ] as const) {
      const buf = dev.dma(size, { pageSize, mask });
      assert.deepEqual([buf.size, buf.pageSize], [told, pages], `${size} ${pageSize}`);
      assert.equal(buf.iova % BigInt(pages), 0n);
      assert.equal(before - free(), pages === 4096 ? 0 : told / pages);
      buf.fill(0x5a, 0, 8);
      through(dev, buf.iova, buf.iova + BigInt(told - 8));
      assert.ok(buf.compare(0x5a, told - 8, 8).equal);
      buf.free();
      assert.equal(free(), before);
    }
    assert.throws(
      () => dev.dma(2 * MiB + 1, { pageSize: 'opae' }),
      (error) =>
        error instanceof SystemError &&
        /hugepages-1048576kB/.test(error.message) &&
        /huge pages of 1024 MiB are needed|has no huge pages of 1024 MiB/.test(error.message),
    );
    assert.equal(dev.buffers.length, 0);
  });

  test(`${path}: guards around pages of 2 MiB, and the rest of the page is one`, () => {
    using dev = open(spec);
    dev.busMaster(true);
    const source = dev.dma(4096, { mask, fill: 0x5a });
    const buf = dev.dma(5000, { pageSize: '2M', guard: true, mask });
    assert.deepEqual([buf.bytes.length, buf.size, buf.iova % BigInt(2 * MiB)], [5000, 2 * MiB, 0n]);
    through(dev, source.iova, buf.iova + 4996n);
    transfer(dev, CARD, buf.iova + BigInt(2 * MiB), 2, 'to memory');
    assert.deepEqual(
      buf.check().breaches.map(({ offset, length }) => [offset, length]),
      [
        [5000, 4],
        [2 * MiB, 2],
      ],
    );
    assert.throws(() => buf.free(), GuardError);
  });

  test(`${path}: mapped memory is locked, the caller's own too, and freed memory is not`, () => {
    const before = locked();
    using dev = open(spec);
    const own = pageMemory(MiB);
    const bufs = [dev.dma(MiB), dev.dma(own), dev.dma(MiB, { guard: true })];
    assert.equal(locked() - before, 3 * 1024 + 8);
    for (const buf of bufs) buf.free();
    assert.equal(locked(), before);
  });

  test(`${path}: a long session leaves nothing behind`, async () => {
    assert.match(await buffers.run(200, spec), /left behind: .*VmLck 0, VmPin 0, .*fds 0/);
  });
}

test('another thread cannot open the card, nor be given it, and is told why', async () => {
  const code = `const { parentPort } = require('node:worker_threads');
    import(${JSON.stringify(LIB)}).then(({ open }) => {
      parentPort.on('message', (spec) => {
        try { open(spec); parentPort.postMessage('opened'); } catch (error) { parentPort.postMessage(error.name + ' ' + error.message); }
      });
    });`;
  const worker = new Worker(code, { eval: true });
  for (const path of PATHS) {
    using dev = open(`${path}:${EDU}`);
    worker.postMessage(dev.spec);
    const [said] = await once(worker, 'message');
    assert.match(said, /^SystemError .*already open: by this process \((EBUSY|EINVAL)\); /);
    assert.throws(() => worker.postMessage(dev), /belongs to the thread that opened it/);
    assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
  }
  await worker.terminate();
});
