/**
 * In the guest: cards of every shape. An NVMe drive is asked who it is through queues in our memory; igb, ivshmem and pci-testdev are what
 * QEMU says they are. NVME, IGB, IVSHMEM and TESTDEV are bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Device, open, r32, r64, u16, u32, u64 } from '../../../lib/index.js';
import { IGB, IVSHMEM, NVME, TESTDEV } from '../cards.js';
import { PATHS } from './paths.js';

const PATIENCE = { timeout: 20_000 };

/** Ref: NVM Express Base Specification 2.0, 3.1.3 */
const CONTROLLER = {
  CAP: r64(0x00, { DSTRD: [35, 32], TO: [31, 24] }, 'ro'),
  CC: r32(0x14, { EN: 0, IOSQES: [19, 16], IOCQES: [23, 20] }),
  CSTS: r32(0x1c, { RDY: 0, CFS: 1 }, 'ro'),
  AQA: r32(0x24, { ASQS: [11, 0], ACQS: [27, 16] }),
  ASQ: r64(0x28),
  ACQ: r64(0x30),
};
const SQ0TDBL = 0x1000;
/** Ref: 3.3.3.1 */
const COMMAND = { CDW0: u32(0, { OPC: [7, 0], CID: [31, 16] }), NSID: u32(4), PRP1: u64(24), CDW10: u32(40) };
/** Ref: 3.3.3.2 */
const COMPLETION = { SQHD: u16(8), CID: u16(12), STATUS: u16(14, { P: 0, SC: [8, 1] }) };
const IDENTIFY = 0x06;
const CONTROLLER_DATA = 1;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1').trim();

/** Resolves when it does; each look is one register read. */
async function until(done: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE.timeout;
  while (!done()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

for (const path of PATHS) {
  test(`${path}: nvme: identify, through the admin queue, its completion an MSI-X interrupt`, async () => {
    using dev = open(`${path}:${NVME}`);
    const nvme = dev.bar(0).registers(CONTROLLER);
    nvme.CC.modify({ EN: 0 });
    await until(() => nvme.CSTS.read().RDY === 0, 'disabled');
    dev.busMaster(true);
    const [irq] = dev.enableIrqs('msix', 1);
    const queues = dev.dma(8192);
    const data = dev.dma(4096, { access: 'w' });
    nvme.AQA.write({ ASQS: 7, ACQS: 7 });
    nvme.ASQ.write(queues.iova);
    nvme.ACQ.write(queues.iova + 4096n);
    nvme.CC.write({ EN: 1, IOSQES: 6, IOCQES: 4 });
    await until(() => nvme.CSTS.read().RDY === 1, 'ready');
    const command = queues.struct(COMMAND);
    command.CDW0.OPC = IDENTIFY;
    command.CDW0.CID = 0x4711;
    command.PRP1 = data.iova;
    command.CDW10 = CONTROLLER_DATA;
    dev.bar(0).write32(SQ0TDBL, 1);
    await irq.wait(PATIENCE);
    const completion = queues.struct(COMPLETION, 4096);
    assert.deepEqual([completion.CID, completion.STATUS.P, completion.STATUS.SC, completion.SQHD], [0x4711, 1, 0, 1]);
    assert.equal(data.struct({ VID: u16(0) }).VID, dev.identity.vendor);
    assert.equal(text(data.bytes.subarray(4, 24)), 'vfiolab');
    assert.equal(text(data.bytes.subarray(24, 64)), 'QEMU NVMe Ctrl');
    nvme.CC.modify({ EN: 0 });
    await until(() => nvme.CSTS.read().RDY === 0, 'disabled');
  });
}

const shape = (dev: Device) =>
  dev.regions.map(({ name, size, info }) => [name, size, info.io, info.mapped.length, info.writable]);
const kinds = (dev: Device) => dev.irqs.map(({ name, count }) => [name, count]);

test('igb: memory, I/O ports, 10 vectors; its registers by memory and by ports are the same', async () => {
  using dev = open(IGB);
  assert.equal(dev.status().link, undefined, 'nobody has looked');
  const { link } = dev.status({ refresh: true });
  const { SPEED: speed, WIDTH: width } = dev.cap('EXP').LNKSTA;
  assert.deepEqual([link?.speed, link?.width], [speed, width]);
  assert.deepEqual(shape(dev), [
    ['bar0', 0x20000, false, 1, true],
    ['bar1', 0x20000, false, 1, true],
    ['bar2', 0x20, true, 0, true],
    ['bar3', 0x4000, false, 1, true],
    ['config', 4096, false, 0, true],
  ]);
  assert.deepEqual(kinds(dev), [
    ['intx', 1],
    ['msi', 1],
    ['msix', 10],
    ['err', 1],
    ['req', 1],
  ]);
  // IOADDR selects a register, IODATA is it. Ref: 82576 datasheet, 3.1.1.2.3
  dev.bar(2).write32(0, 0x08);
  assert.equal(dev.bar(2).read32(4), dev.bar(0).read32(0x08));
  const irqs = dev.enableIrqs('msix', 10);
  for (const irq of irqs) irq.trigger();
  for (const irq of irqs) assert.equal(await irq.wait(PATIENCE), 1);
});

test('ivshmem: a BAR that is memory holds what is written, in every width, and no interrupt is there', () => {
  using dev = open(IVSHMEM);
  assert.deepEqual(
    shape(dev).map(([name, size]) => [name, size]),
    [
      ['bar0', 256],
      ['bar2', 2 ** 20],
      ['config', 256],
    ],
  );
  const memory = dev.bar(2);
  const block = Uint8Array.from({ length: 4096 }, (_, i) => (i * 31) & 0xff);
  for (const width of [8, 16, 32, 64] as const) {
    memory.writeBlock(2 ** 20 - 4096, block, width);
    assert.deepEqual(memory.readBlock(2 ** 20 - 4096, 4096, width), block);
    memory.writeBlock(2 ** 20 - 4096, new Uint8Array(4096), width);
  }
  memory.write64(0, 0x0123_4567_89ab_cdefn);
  assert.deepEqual([memory.read32(4), memory.read16(2), memory.read8(7)], [0x0123_4567, 0x89ab, 0x01]);
  assert.throws(() => dev.enableIrqs('msi'), /no MSI/);
});

test('pci-testdev: a BAR of memory and one of ports, and no interrupt but the kernel’s own', () => {
  using dev = open(TESTDEV);
  assert.deepEqual(
    shape(dev).map(([name, , io]) => [name, io]),
    [
      ['bar0', false],
      ['bar1', true],
      ['config', false],
    ],
  );
  // The test's number is written, then its name is read, which is the same in memory and in ports.
  for (const bar of [dev.bar(0), dev.bar(1)]) {
    bar.write8(0, 0);
    const name = String.fromCharCode(...bar.readBlock(16, 6, 8));
    assert.match(name, /^(mmio|porti|portio)/, name);
  }
  // Newer kernels (7.3) have ERR for cards without PCI Express too.
  assert.deepEqual(
    kinds(dev).filter(([name]) => name !== 'err'),
    [['req', 1]],
  );
  assert.throws(() => dev.bar(1).read64(0), /64 bits/);
});
