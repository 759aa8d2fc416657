/** In the guest: several MSI-X vectors, I/O BARs, ROMs and sparse BARs, on an NVMe drive and a network card. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { IRQ } from '../../../lib/backend.js';
import { openGroup } from '../../../lib/backends/group.js';
import {
  type Device,
  firings,
  type Irq,
  type IrqName,
  LabError,
  open,
  r32,
  r64,
  UsageError,
  waitAny,
} from '../../../lib/index.js';
import { E1000E, NVME } from '../cards.js';
import { PATHS } from './paths.js';

const PATIENCE = { timeout: 20_000 };

/** Ref: NVM Express Base Specification 2.0, 3.1.3 */
const NVME_REGISTERS = {
  CAP: r64(0x00, { MQES: [15, 0], TO: [31, 24], CSS: [44, 37], MPSMIN: [51, 48], MPSMAX: [55, 52] }, 'ro'),
  VS: r32(0x08, { MJR: [31, 16], MNR: [15, 8], TER: [7, 0] }, 'ro'),
};

/** Ref: Intel 82574 GbE Controller Family Datasheet, 10.2.4: Interrupt Registers */
const E1000E_REGISTERS = {
  ICR: r32(0xc0, {}, 'rclr'),
  ICS: r32(0xc8, {}, 'wo'),
  IMS: r32(0xd0),
  EIAC: r32(0xdc),
  IVAR: r32(0xe4),
};
/** The cause bit of each vector, as IVAR below assigns them: receive 0 and 1, transmit 0 and 1, other. */
const CAUSES = [20, 21, 22, 23, 24];

/** Every vector is fired from the kernel, alone, and nothing else counts. */
async function loopback(dev: Device, count: number): Promise<void> {
  const irqs = dev.enableIrqs('msix', count);
  assert.equal(irqs.length, count);
  for (const irq of irqs) {
    irq.trigger();
    assert.equal(await irq.wait(PATIENCE), 1);
  }
  assert.deepEqual(
    irqs.map((irq) => irq.count),
    irqs.map(() => 1),
  );
  dev.disableIrqs('msix');
}

test('nvme: 9 MSI-X vectors, each fired from the kernel', async () => {
  using dev = open(NVME);
  const msix = dev.irqs.find(({ name }) => name === 'msix');
  assert.equal(msix?.count, 9);
  assert.equal(
    dev.irqs.find(({ name }) => name === 'msi'),
    undefined,
  );
  await loopback(dev, 9);
  await loopback(dev, 2);
  assert.throws(() => dev.enableIrqs('msix', 10), UsageError);
  assert.throws(() => dev.enableIrqs('msi'), UsageError);
  const [irq] = dev.enableIrqs('msix', 3);
  assert.throws(() => irq.mask(), UsageError);
  assert.throws(() => dev.enableIrqs('intx'), /MSI-X is enabled/);
});

test('nvme: 64-bit registers and one block of them', () => {
  using dev = open(NVME);
  const nvme = dev.bar(0).registers(NVME_REGISTERS);
  assert.equal(nvme.VS.read().MJR, 1);
  const cap = nvme.CAP.read();
  assert.equal(cap.raw, new DataView(dev.bar(0).readBlock(0, 8).buffer).getBigUint64(0, true));
  assert.ok(cap.MQES > 0n);
  dev.reset();
  assert.equal(nvme.CAP.read().raw, cap.raw);
});

/** Sets e1000e up, as after each reset, so that each of its causes has a vector of its own; what comes back fires one. */
function armed(dev: Device): (vector: number) => void {
  const e1000e = dev.bar(0).registers(E1000E_REGISTERS);
  // A field of four bits a cause: valid, and the vector.
  e1000e.IVAR.write([0, 1, 2, 3, 4].reduce((all, vector) => all | ((8 | vector) << (4 * vector)), 0));
  const causes = CAUSES.reduce((all, bit) => all | (1 << bit), 0);
  // Each cause is cleared as its message goes out, and what was pending before is forgotten.
  e1000e.EIAC.write(causes);
  e1000e.ICR.read();
  e1000e.IMS.write(causes);
  return (vector) => e1000e.ICS.write(1 << (CAUSES[vector] ?? 0));
}

/** Of e1000e's vectors those that have fired, and none besides. QEMU's throttle fires again: how often is its own affair. */
const fired = (irqs: readonly Irq[]): number[] => irqs.filter(({ count }) => count > 0).map(({ vector }) => vector);

for (const path of PATHS) {
  test(`${path}: e1000e: the card itself fires each of 5 MSI-X vectors, and after a reset again`, async () => {
    using dev = open(`${path}:${E1000E}`);
    dev.busMaster(true);
    const irqs = dev.enableIrqs('msix', 5);
    for (let round = 0; round < 2; round++) {
      const before = irqs.map(({ count }) => count);
      const fire = armed(dev);
      for (const [vector, irq] of irqs.entries()) {
        fire(vector);
        await irq.wait(PATIENCE);
        const more = irqs.filter(({ count }, other) => count > (before[other] ?? 0));
        assert.deepEqual(more, irqs.slice(0, vector + 1));
      }
      // Bus mastering, the table of vectors and their eventfds outlive it; the card's own registers do not.
      dev.reset();
      assert.equal(dev.config.read16(4) & 4, 4);
      assert.equal(dev.bar(0).registers(E1000E_REGISTERS).IMS.read(), 0);
    }
  });

  test(`${path}: e1000e: two vectors of five, one waited for beside the other`, async () => {
    using dev = open(`${path}:${E1000E}`);
    dev.busMaster(true);
    const irqs = dev.enableIrqs('msix', { vectors: [4, 1] });
    assert.deepEqual(
      irqs.map(({ vector }) => vector),
      [4, 1],
    );
    const fire = armed(dev);
    fire(0);
    fire(1);
    const first = await waitAny(irqs, PATIENCE);
    assert.equal(first.irq.vector, 1);
    assert.deepEqual(fired(irqs), [1]);
    fire(4);
    for await (const { irq, drainedAt } of firings(irqs, PATIENCE)) {
      if (irq.vector !== 4) continue;
      assert.ok(drainedAt > first.drainedAt);
      break;
    }
  });

  test(`${path}: nvme: a subset of the vectors, more of them later, some of them less`, async () => {
    using dev = open(`${path}:${NVME}`);
    const [zero, three] = dev.enableIrqs('msix', { vectors: [0, 3] }) as [Irq, Irq];
    assert.deepEqual([zero.vector, three.vector], [0, 3]);
    assert.throws(() => dev.enableIrqs('msix', { vectors: [1, 3] }), /vector 3 of MSI-X is enabled already/);
    const [one] = dev.enableIrqs('msix', { vectors: [1] });
    const all = [zero, three, one];
    const noresize = dev.irqs.find(({ name }) => name === 'msix')?.noresize;
    if (noresize) {
      assert.throws(
        () => dev.enableIrqs('msix', { vectors: [6] }),
        /vector 6 cannot be added: the kernel made 4 .*NORESIZE\); .*\{ vectors: \[0, 1, 3, 6\] \}/,
      );
    } else all.push(...dev.enableIrqs('msix', { vectors: [6, 5] }));
    for (const irq of all) {
      irq.trigger();
      assert.equal((await waitAny(all, PATIENCE)).irq, irq);
    }
    assert.deepEqual(
      dev.enabledIrqs.map(({ vector, count }) => [vector, count]),
      (noresize ? [0, 1, 3] : [0, 1, 3, 5, 6]).map((vector) => [vector, 1]),
    );
    const wait = three.wait(PATIENCE);
    dev.disableIrqs('msix', { vectors: [3] });
    await assert.rejects(wait, /was disabled/);
    assert.throws(() => three.trigger(), /was disabled/);
    one.trigger();
    await one.wait(PATIENCE);
    const [again] = dev.enableIrqs('msix', { vectors: [3] });
    again.trigger();
    assert.deepEqual([await again.wait(PATIENCE), again.count, three.enabled], [1, 1, false]);
    const bench = await again.bench({ count: 20, timeout: 20_000 });
    assert.equal(bench.count, 20);
    dev.disableIrqs('msix');
    assert.deepEqual(dev.enabledIrqs, []);
  });

  test(`${path}: every kind of interrupt, and the best one first`, async () => {
    for (const [bdf, kinds] of [
      [NVME, ['msix', 'intx', 'err', 'req']],
      [E1000E, ['msix', 'msi', 'intx', 'err', 'req']],
    ] as const) {
      using dev = open(`${path}:${bdf}`);
      assert.deepEqual(dev.irqs.map(({ name }) => name).sort(), [...kinds].sort());
      assert.equal(dev.enableIrqs()[0].kind, 'msix');
      dev.disableIrqs();
      for (const kind of kinds as readonly IrqName[]) {
        const [irq] = dev.enableIrqs(kind);
        irq.trigger();
        assert.equal(await irq.wait(PATIENCE), 1, `${bdf} ${kind}`);
        dev.disableIrqs(kind);
      }
    }
  });
}

test('the kernel itself refuses to mask MSI-X: ENOTTY', () => {
  const backend = openGroup(NVME);
  const eventfd = backend.eventfd();
  backend.setIrqs(IRQ.msix, 'trigger', 0, { eventfds: [eventfd] });
  for (const action of ['mask', 'unmask'] as const) {
    assert.throws(
      () => backend.setIrqs(IRQ.msix, action, 0, { none: 1 }),
      (error) => error instanceof LabError && error.errno === 'ENOTTY' && /cannot mask or unmask/.test(error.message),
    );
  }
  const second = backend.eventfd();
  const more = (): void => backend.setIrqs(IRQ.msix, 'trigger', 1, { eventfds: [second] });
  // From Linux 6.4 on vectors are added where they are asked for.
  if (backend.irqs.find(({ name }) => name === 'msix')?.noresize)
    assert.throws(more, (error) => error instanceof LabError && error.errno === 'EINVAL');
  else more();
  for (const each of [eventfd, second]) each.close();
  backend.close();
});

test('e1000e: an I/O BAR is read through the fd, and only in widths that it has', () => {
  using dev = open(E1000E);
  const io = dev.bar(2);
  assert.deepEqual([io.info.io, io.info.mapped, io.size], [true, [], 0x20]);
  // IOADDR selects a register, IODATA is it: STATUS both ways. Ref: 82574 datasheet, 10.2.1.2
  io.write32(0, 0x08);
  assert.equal(io.read32(4), dev.bar(0).read32(0x08));
  assert.throws(() => io.read64(0), UsageError);
});

test('e1000e: the ROM is read, not written', () => {
  using dev = open(E1000E);
  const rom = dev.region('rom');
  assert.deepEqual([rom.info.readable, rom.info.writable, rom.info.mapped], [true, false, []]);
  assert.equal(rom.read16(0), 0xaa55);
  assert.equal(rom.readBlock(0, 64)[0], 0x55);
});

test('e1000e: the BAR with the MSI-X table answers everywhere', () => {
  using dev = open(E1000E);
  const table = dev.bar(3);
  assert.equal(table.size, 0x4000);
  // 16 bytes a vector, the last word of each its mask. Ref: PCI Express Base Specification 6.0, 7.7.2
  const before = table.readBlock(0, 5 * 16);
  assert.equal(before.length, 80);
  assert.equal(table.read32(0x2000) & 0x1f, 0, 'no pending bit');
});
