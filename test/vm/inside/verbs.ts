/**
 * In the guest: a backend's verbs on the kernel's own vfio-pci: accesses and faults of a real mapped BAR, DMA, interrupts, reset. EDU is
 * bound to vfio-pci.
 *
 * Ref: QEMU docs/specs/edu
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Backend, type Eventfd, IRQ, REGION, type Width } from '../../../lib/backend.js';
import { openGroup } from '../../../lib/backends/group.js';
import { BusError, SystemError, UsageError } from '../../../lib/errors.js';
import { thrown } from '../../thrown.js';
import { EDU } from '../cards.js';
import { COMMAND, command, MASTER, MEM, on } from './backend.js';
import { held } from './held.js';

const { BAR0, CONFIG } = REGION;
const WIDTHS: readonly Width[] = [8, 16, 32, 64];

/** The next time that the eventfd has something. */
function fired(eventfd: Eventfd): Promise<number> {
  eventfd.ref();
  return new Promise((resolve) => {
    eventfd.onReady(() => {
      eventfd.unref();
      resolve(eventfd.drain());
    });
  });
}

on('config space: 8, 16 and 32 bits; 64 are refused', (dev) => {
  assert.equal(dev.read(CONFIG, 0, 32), 0x11e81234);
  assert.equal(dev.read(CONFIG, 0, 16), 0x1234);
  assert.equal(dev.read(CONFIG, 2, 16), 0x11e8);
  assert.equal(dev.read(CONFIG, 3, 8), 0x11);
  const error = thrown(() => dev.read(CONFIG, 0, 64));
  assert.ok(error instanceof UsageError);
  assert.match(error.message, /^0000:01:00\.0\/config\+0x0: read64: /);
  assert.ok(thrown(() => dev.write(CONFIG, 0, 64, 0n)) instanceof UsageError);
  const bytes = new Uint8Array(16);
  dev.readBlock(CONFIG, 0, 32, bytes);
  assert.deepEqual(bytes.subarray(0, 4), Uint8Array.of(0x34, 0x12, 0xe8, 0x11));
  const line = Number(dev.read(CONFIG, 0x3c, 8));
  dev.write(CONFIG, 0x3c, 8, 0x5a);
  assert.equal(dev.read(CONFIG, 0x3c, 8), 0x5a);
  dev.writeBlock(CONFIG, 0x3c, 8, Uint8Array.of(line));
  assert.equal(dev.read(CONFIG, 0x3c, 8), line);
});

on('a mapped BAR: each access has its own width, alone and in blocks', (dev) => {
  // Liveness inverts what is written. Below 0x80 edu takes 32 bits alone: 64 are all-ones to it, and QEMU answers 0 to
  // 8 and 16 in its place. Each answer differs from what 32 bits, or several accesses, would have given.
  dev.write(BAR0, 4, 32, 0x12345678);
  assert.equal(dev.read(BAR0, 4, 32), 0xedcba987);
  assert.equal(dev.read(BAR0, 0, 8), 0);
  assert.equal(dev.read(BAR0, 0, 16), 0);
  assert.equal(dev.read(BAR0, 0, 64), 0xffff_ffff_ffff_ffffn);
  // 0x80 takes 32 and 64.
  dev.write(BAR0, 0x80, 64, 0x0011_2233_4455_6677n);
  assert.equal(dev.read(BAR0, 0x80, 64), 0x0011_2233_4455_6677n);
  const block = (width: Width, length: number): Uint8Array => {
    const into = new Uint8Array(length);
    dev.readBlock(BAR0, 0, width, into);
    return into;
  };
  assert.deepEqual(block(32, 8), Uint8Array.of(0xed, 0, 0, 1, 0x87, 0xa9, 0xcb, 0xed));
  assert.deepEqual(block(8, 8), new Uint8Array(8));
  assert.deepEqual(block(16, 8), new Uint8Array(8));
  assert.deepEqual(block(64, 8), new Uint8Array(8).fill(0xff));
  dev.write(BAR0, 4, 8, 0xff);
  dev.write(BAR0, 4, 16, 0xffff);
  dev.write(BAR0, 0, 64, 0n);
  assert.equal(dev.read(BAR0, 4, 32), 0xedcba987, 'other widths wrote nothing');
  dev.writeBlock(BAR0, 4, 32, Uint8Array.of(1, 0, 0, 0));
  assert.equal(dev.read(BAR0, 4, 32), 0xfffffffe);
});

on('memory decoding off: each access of a mapped BAR is a BusError, and the session goes on', (dev) => {
  const before = command(dev);
  assert.equal(before & MEM, MEM);
  dev.write(CONFIG, COMMAND, 16, before & ~MEM);
  for (let round = 0; round < 100; round++) {
    for (const width of WIDTHS) {
      const error = thrown(() => dev.read(BAR0, 0x20, width));
      assert.ok(error instanceof BusError);
      assert.match(error.message, new RegExp(`^0000:01:00\\.0/bar0\\+0x20: read${width}: .*SIGBUS.*COMMAND\\.MEM`));
      assert.ok(thrown(() => dev.write(BAR0, 0x20, width, width === 64 ? 0n : 0)) instanceof BusError);
      assert.ok(thrown(() => dev.readBlock(BAR0, 0x20, width, new Uint8Array(64))) instanceof BusError);
      assert.ok(thrown(() => dev.writeBlock(BAR0, 0x20, width, new Uint8Array(64))) instanceof BusError);
    }
  }
  assert.equal(dev.read(CONFIG, 0, 32), 0x11e81234);
  dev.write(CONFIG, COMMAND, 16, before);
  assert.equal(dev.read(BAR0, 0, 32), 0x010000ed);
});

test('without mmio.so a BAR is read through pread: said once, 64 bits refused, memory decoding off a BusError', () => {
  const hide = 'mount -t tmpfs hidden dist/native && exec "$@"';
  const program = `import { openGroup } from '${new URL('../../../lib/backends/group.js', import.meta.url).href}';
    const failure = (act) => { try { act(); } catch (error) { return error.name + ': ' + error.message; } };
    for (let i = 0; i < 2; i++) {
      const dev = openGroup('${EDU}');
      const into = new Uint8Array(8);
      dev.readBlock(0, 0, 32, into);
      dev.write(0, 4, 32, 0x0f0f0f0f);
      console.log(dev.read(0, 0, 32), dev.read(0, 4, 32), Buffer.from(into).toString('hex', 0, 4), dev.regions[0].mapped.length);
      console.log(failure(() => dev.read(0, 0x80, 64)));
      dev.write(7, 4, 16, dev.read(7, 4, 16) & ~2);
      console.log(failure(() => dev.read(0, 0, 32)));
      dev.close();
      console.log(failure(() => dev.read(0, 0, 32)));
    }`;
  const child = spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', hide, 'sh', process.execPath, '--input-type=module', '-e', program],
    { encoding: 'utf8' },
  );
  assert.equal(child.status, 0, child.stderr);
  const [values, wide, off, closed, ...again] = child.stdout.trim().split('\n');
  assert.equal(values, `${0x010000ed} ${0xf0f0f0f0} ed000001 0`);
  assert.match(wide ?? '', /^UsageError: 0000:01:00\.0\/bar0\+0x80: read64: /);
  assert.match(off ?? '', /^BusError: 0000:01:00\.0\/bar0\+0x0: read32: .*\(EIO\).*COMMAND\.MEM/);
  assert.match(closed ?? '', /^ClosedError: /);
  assert.deepEqual(again, [values, wide, off, closed]);
  assert.equal(child.stderr.match(/BARs are not mapped/g)?.length, 1);
  assert.match(child.stderr, /mmio\.so.*apt-get install gcc/);
});

on('DMA maps: overlaps, ranges and alignment are told apart; a map is taken back once', (dev) => {
  const rw = { read: true, write: true };
  const memory = dev.dmaAlloc(5000, 4096);
  assert.equal(memory.size, 8192);
  dev.dmaMap(memory, 0x100000n, rw);
  const exists = thrown(() => dev.dmaMap(memory, 0x101000n, rw));
  assert.equal(exists.errno, 'EEXIST');
  assert.match(exists.message, /^0000:01:00\.0\/dma@0x101000: VFIO_IOMMU_MAP_DMA: .*mapped already/);
  for (const iova of [0xfee0_0000n, 0x100800n, 1n << 60n]) {
    const error = thrown(() => dev.dmaMap(memory, iova, rw));
    assert.equal(error.errno, 'EINVAL');
    assert.match(error.message, /the ranges are 0x0-0xfedfffff, 0xfef00000-/);
  }
  assert.equal(thrown(() => dev.dmaUnmap(0x100000n, 4096)).errno, 'EINVAL');
  dev.dmaUnmap(0x100000n, 8192);
  assert.match(thrown(() => dev.dmaUnmap(0x100000n, 8192)).message, /0x0 of 0x2000 bytes were mapped there/);
  memory.release();
  assert.ok(thrown(() => dev.dmaMap(memory, 0x100000n, rw)) instanceof UsageError);
  assert.equal(memory.bytes[0], 0);
});

on('DMA both ways, from pages of 4 KiB and of 2 MiB', async (dev) => {
  dev.write(CONFIG, COMMAND, 16, command(dev) | MASTER);
  for (const pageSize of [4096, 2 ** 21]) {
    const memory = dev.dmaAlloc(1, pageSize);
    assert.equal(memory.size, pageSize);
    const iova = BigInt(pageSize);
    dev.dmaMap(memory, iova, { read: true, write: true });
    memory.bytes.set([1, 2, 3, 4, 5, 6, 7, 8]);
    await transfer(dev, iova, 0x40000n, 1);
    await transfer(dev, 0x40000n, iova + 1024n, 3);
    assert.deepEqual(memory.bytes.subarray(1024, 1032), Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    dev.dmaUnmap(iova, memory.size);
    memory.release();
  }
});

/** Eight bytes by edu's own DMA engine. */
async function transfer(dev: Backend, from: bigint, to: bigint, run: number): Promise<void> {
  dev.write(BAR0, 0x80, 64, from);
  dev.write(BAR0, 0x88, 64, to);
  dev.write(BAR0, 0x90, 64, 8n);
  dev.write(BAR0, 0x98, 64, BigInt(run));
  while (Number(dev.read(BAR0, 0x98, 64)) & 1) await new Promise((resolve) => setTimeout(resolve, 10));
}

test('huge pages that are not there: the error names the file and the command', () => {
  const dev = openGroup(EDU);
  const error = thrown(() => dev.dmaAlloc(2 ** 33, 2 ** 21));
  assert.ok(error instanceof SystemError);
  assert.match(error.message, /4096 huge pages of 2 MiB.*hugepages-2048kB\/free_hugepages.*sudo tee \S+\/nr_hugepages/);
  assert.match(thrown(() => dev.dmaAlloc(1, 2 ** 30)).message, /hugepages-1048576kB/);
  dev.close();
});

test('more mappings than a container may have: the error names the parameter that allows more', () => {
  const parameter = '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit';
  const before = readFileSync(parameter, 'utf8');
  writeFileSync(parameter, '2');
  const dev = openGroup(EDU);
  try {
    const map = (iova: bigint): void => dev.dmaMap(dev.dmaAlloc(4096, 4096), iova, { read: true, write: true });
    map(0x10_0000n);
    map(0x20_0000n);
    const error = thrown(() => map(0x30_0000n));
    assert.equal(error.errno, 'ENOSPC');
    assert.match(error.message, /limit of mappings.*free buffers; or raise dma_entry_limit of vfio_iommu_type1/);
  } finally {
    dev.close();
    writeFileSync(parameter, before);
  }
  assert.deepEqual(held(), []);
});

on('MSI: a firing of the card arrives, and so does one from software', async (dev) => {
  const eventfd = dev.eventfd();
  dev.write(CONFIG, COMMAND, 16, command(dev) | MASTER);
  dev.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [eventfd] });
  let ready = fired(eventfd);
  dev.write(BAR0, 0x60, 32, 1);
  assert.equal(await ready, 1);
  dev.write(BAR0, 0x64, 32, 1);
  ready = fired(eventfd);
  dev.setIrqs(IRQ.msi, 'trigger', 0, { none: 1 });
  assert.equal(await ready, 1);
  ready = fired(eventfd);
  dev.setIrqs(IRQ.msi, 'trigger', 0, { bools: [true] });
  assert.equal(await ready, 1);
  dev.setIrqs(IRQ.msi, 'trigger', 0, { bools: [false] });
  assert.equal(eventfd.drain(), 0);
  const both = thrown(() => dev.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [eventfd] }));
  assert.equal(both.errno, 'EINVAL');
  assert.match(both.message, /^0000:01:00\.0\/intx: VFIO_DEVICE_SET_IRQS \(trigger\): .*exclude each other/);
  assert.equal(thrown(() => dev.setIrqs(IRQ.msi, 'mask', 0, { none: 1 })).errno, 'ENOTTY');
  // Taken away from the vector, and then the whole kind.
  dev.setIrqs(IRQ.msi, 'trigger', 0, { eventfds: [undefined] });
  dev.write(BAR0, 0x60, 32, 1);
  dev.write(BAR0, 0x64, 32, 1);
  assert.equal(eventfd.drain(), 0);
  dev.setIrqs(IRQ.msi, 'trigger', 0, { none: 0 });
  eventfd.close();
});

on('INTx: masked when it fires, unmasked on request, again at once while the line is high', async (dev) => {
  const eventfd = dev.eventfd();
  dev.setIrqs(IRQ.intx, 'trigger', 0, { eventfds: [eventfd] });
  let ready = fired(eventfd);
  dev.write(BAR0, 0x60, 32, 1);
  assert.equal(await ready, 1);
  ready = fired(eventfd);
  dev.setIrqs(IRQ.intx, 'unmask', 0, { none: 1 });
  assert.equal(await ready, 1);
  dev.write(BAR0, 0x64, 32, 1);
  dev.setIrqs(IRQ.intx, 'unmask', 0, { bools: [true] });
  assert.equal(eventfd.drain(), 0);
  dev.setIrqs(IRQ.intx, 'mask', 0, { none: 1 });
  dev.write(BAR0, 0x60, 32, 1);
  assert.equal(eventfd.drain(), 0);
  // Unmasked by another eventfd.
  const unmask = dev.eventfd();
  dev.setIrqs(IRQ.intx, 'unmask', 0, { eventfds: [unmask] });
  ready = fired(eventfd);
  (unmask as Eventfd & { signal(): void }).signal();
  assert.equal(await ready, 1);
  dev.write(BAR0, 0x64, 32, 1);
  dev.setIrqs(IRQ.intx, 'trigger', 0, { none: 0 });
  eventfd.close();
  unmask.close();
});

// QEMU's edu has registers that no reset clears.
on('reset: COMMAND is restored, and the mapping goes on', (dev) => {
  dev.write(CONFIG, COMMAND, 16, command(dev) | MASTER);
  const before = command(dev);
  dev.reset();
  assert.equal(command(dev), before);
  assert.equal(dev.read(BAR0, 0, 32), 0x010000ed);
});
