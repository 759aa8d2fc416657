/**
 * In the guest: hot resets and what survives them, low power, and that no access to a card that sleeps ends the process. EDU, IGB,
 * IGB_TOO, E1000E and SHARED[0] are bound to vfio-pci.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { inspect } from 'node:util';
import { groupOf } from '../../../lib/host/group.js';
import {
  BusError,
  type Device,
  EDU as EDU_MAP,
  EDU_BUFFER,
  EDU_DMA_MASK,
  open,
  SystemError,
} from '../../../lib/index.js';
import { transfer } from '../../contract/edu.js';
import { E1000E, EDU, IGB, IGB_TOO, SHARED, SHARED_OTHER } from '../cards.js';
import { CHECKOUT } from '../guest.js';
import { Face, killFaces } from './face.js';
import { held } from './held.js';
import { PATHS } from './paths.js';

const PATIENCE = { timeout: 20_000 };
const CARD = BigInt(EDU_BUFFER.offset);

/** Ref: Intel 82576 Gigabit Ethernet Controller Datasheet, 8.10.1: receive control, 0 after a reset. */
const RCTL = 0x100;
const ACCEPT_BROADCASTS = 1 << 15;
/** Ref: Intel 82574 GbE Controller Family Datasheet, 10.2.2 */
const STATUS = 0x08;
const VET = 0x38;

test.afterEach(() => killFaces());

for (const path of PATHS) {
  test(`${path}: a hot reset keeps config space, buffers and vectors`, async () => {
    using dev = open(`${path}:${EDU}`);
    dev.busMaster(true);
    const buf = dev.dma(4096, { mask: EDU_DMA_MASK });
    const [irq] = dev.enableIrqs('msi');
    const listed = dev.hotResetDevices();
    assert.deepEqual(
      listed.devices.map(({ bdf, owned }) => [bdf, owned]),
      [[EDU, true]],
    );
    assert.match(inspect(listed), /a hot reset of 0000:01:00\.0 resets\n.*BDF.*Group.*\n.*0000:01:00\.0 +\d+ +yes/);
    assert.deepEqual(dev.hotReset().devices, listed.devices);
    const edu = dev.bar(0).registers(EDU_MAP);
    edu.IRQ_RAISE.write(1);
    await irq.wait(PATIENCE);
    edu.IRQ_ACK.write(1);
    buf.bytes.fill(0x5c, 0, 8);
    transfer(dev, buf.iova, CARD, 8, 'to card');
    transfer(dev, CARD, buf.iova + 8n, 8, 'to memory');
    assert.equal(buf.bytes[15], 0x5c);
  });

  test(`${path}: a hot reset sets the registers back, of what is in the slot with it too; MSI-X stays as it was`, async () => {
    using dev = open(`${path}:${IGB}`);
    using other = open(`${path}:${IGB_TOO}`, { iommuOf: dev });
    const groups = dev.hotResetDevices().devices.map(({ bdf, group, owned }) => [bdf, group, owned]);
    assert.deepEqual(groups, [
      [IGB, groupOf(IGB), true],
      [IGB_TOO, groupOf(IGB_TOO), true],
    ]);
    assert.notEqual(groupOf(IGB), groupOf(IGB_TOO));
    const both = [dev, other].map((each) => {
      each.busMaster(true);
      const irqs = each.enableIrqs('msix', 3);
      const at = each.cap('MSIX').TABLE.OFFSET * 8;
      const table = each.bar(3).readBlock(at, 48);
      assert.equal(table[3], 0xfe, 'the first vector goes to the window of the MSI doorbells');
      const buf = each.dma(4096);
      buf.bytes.fill(0x5c);
      return { each, irqs, at, table, buf };
    });
    for (const [reset, hit] of [
      [() => dev.hotReset(), both],
      [() => other.hotReset(), both],
      [() => dev.reset(), both.slice(0, 1)],
    ] as const) {
      for (const { each } of both) {
        each.bar(0).write32(RCTL, ACCEPT_BROADCASTS);
        assert.equal(each.bar(0).read32(RCTL), ACCEPT_BROADCASTS);
      }
      reset();
      for (const { each, irqs, at, table, buf } of both) {
        assert.equal(each.bar(0).read32(RCTL), hit.some((one) => one.each === each) ? 0 : ACCEPT_BROADCASTS);
        assert.equal(each.config.read16(4) & 6, 6, 'COMMAND is restored');
        assert.deepEqual(each.bar(3).readBlock(at, 48), table, 'the table of vectors is restored');
        for (const irq of irqs) {
          irq.trigger();
          assert.equal(await irq.wait(PATIENCE), 1);
        }
        assert.ok(buf.bytes.every((byte) => byte === 0x5c));
      }
    }
  });

  test(`${path}: asleep in D3 a mapped BAR is a BusError, config space answers, and D0 brings it back`, () => {
    using dev = open(`${path}:${E1000E}`);
    const before = dev.bar(0).read32(STATUS);
    const pmcsr = dev.cap('PM').offset + 4;
    for (let round = 0; round < 3; round++) {
      dev.config.write16(pmcsr, (dev.config.read16(pmcsr) & ~3) | 3);
      assert.equal(dev.config.read16(pmcsr) & 3, 3);
      asleep(dev, 0);
      assert.equal(typeof dev.bar(2).read32(0), 'number', 'I/O ports answer something');
      assert.equal(dev.config.read32(0), 0x10d3_8086);
      dev.config.write16(pmcsr, dev.config.read16(pmcsr) & ~3);
      assert.equal(dev.bar(0).read32(STATUS), before);
    }
    dev.config.write16(pmcsr, dev.config.read16(pmcsr) | 3);
    dev.reset();
    assert.equal(dev.bar(0).read32(STATUS), before, 'a reset wakes it');
  });

  test(`${path}: in low power too, until it is taken out`, () => {
    using dev = open(`${path}:${E1000E}`);
    if (!dev.features().some(({ name, set }) => name === 'LOW_POWER_ENTRY' && set)) {
      assert.throws(
        () => dev.lowPower(true),
        /VFIO_DEVICE_FEATURE \(set LOW_POWER_ENTRY\): .*\(ENOTTY\); dev\.features/,
      );
      return;
    }
    dev.lowPower(true);
    asleep(dev, 0);
    assert.throws(() => dev.lowPower(true), /in low power already \(EINVAL\); dev\.lowPower\(false\)/);
    dev.lowPower(false);
    assert.notEqual(dev.bar(0).read32(STATUS), 0xffff_ffff);
  });
}

test('a hot reset that would hit what is not open here: it says who has that, and what to do', async () => {
  const face = new Face();
  const refused = (dev: Device, state: string, cure: string): void => {
    const [self, other] = dev.hotResetDevices().devices;
    assert.deepEqual([self?.owned, other?.bdf, other?.owned], [true, IGB_TOO, false]);
    const which = `${IGB_TOO} \\(group ${groupOf(IGB_TOO)}, ${state}\\)`;
    assert.throws(
      () => dev.hotReset(),
      new RegExp(`it would reset what this process has not open beside it: ${which}; ${cure}.*; dev\\.hotResetDevices`),
    );
  };
  const beside = `open\\('${IGB_TOO}', \\{ iommuOf: dev \\}\\)`;
  for (const path of PATHS) {
    using dev = open(`${path}:${IGB}`);
    dev.bar(0).write32(RCTL, ACCEPT_BROADCASTS);
    refused(dev, 'not open', beside);
    await face.run(`state.dev = lab.open('${path}:${IGB_TOO}')`);
    refused(dev, `open by process ${face.pid} \\(.*\\)`, `close ${IGB_TOO} there, then ${beside}`);
    await face.run('state.dev.close()');
    toItsOwnDriver(IGB_TOO);
    refused(dev, 'no driver has it', `bind it to vfio-pci, then ${beside}: sudo sh -c`);
    assert.equal(dev.bar(0).read32(RCTL), ACCEPT_BROADCASTS, 'nothing was reset');
    give(IGB_TOO);
    if (path === 'group') continue;
    // In an address space of its own it does not count as this process's.
    using apart = open(`${path}:${IGB_TOO}`);
    refused(dev, 'open by this process', `close ${IGB_TOO} there, then ${beside}`);
    assert.ok(!apart.closed);
  }
  await face.end();
});

/** Every access of the BAR is a BusError that says so. */
function asleep(dev: Device, bar: number): void {
  for (const access of [
    () => dev.bar(bar).read32(STATUS),
    () => dev.bar(bar).write32(STATUS, 0),
    () => dev.bar(bar).readBlock(0, 64),
    () => dev.bar(bar).writeBlock(VET, new Uint8Array(4)),
  ]) {
    assert.throws(access, (error) => error instanceof BusError && /in D3/.test(error.message));
  }
}

/** Undoes a bind, of this file or of one before it. */
function toItsOwnDriver(bdf: string): void {
  const device = `/sys/bus/pci/devices/${bdf}`;
  writeFileSync(`${device}/driver_override`, '\n');
  if (existsSync(`${device}/driver`)) writeFileSync(`${device}/driver/unbind`, bdf);
  writeFileSync('/sys/bus/pci/drivers_probe', bdf);
}

function give(...bdfs: string[]): void {
  const { status, stderr } = spawnSync('sh', ['-c', `. ${CHECKOUT}/test/vm/guest.sh; bind ${bdfs.join(' ')}`]);
  assert.equal(status, 0, String(stderr));
}

test('behind one bridge: not viable while one has another driver, then all are reset together', () => {
  for (const bdf of [SHARED[1], SHARED_OTHER]) toItsOwnDriver(bdf);
  for (const path of PATHS) {
    assert.throws(
      () => open(`${path}:${SHARED[0]}`),
      (error) =>
        error instanceof SystemError &&
        /is not viable: in the way is 0000:05:03\.0 \(virtio-pci\); other members: .*0000:05:02\.0 \(no driver\)/.test(
          error.message,
        ),
    );
  }
  assert.deepEqual(held(), []);
  give(SHARED[1], SHARED_OTHER);
  for (const path of PATHS) {
    const one = open(`${path}:${SHARED[0]}`);
    const group = one.hotResetDevices().devices.find(({ bdf }) => bdf === SHARED[0])?.group;
    assert.deepEqual(
      one.hotResetDevices().devices.map((device) => [device.bdf, device.group, device.owned]),
      [...SHARED, SHARED_OTHER].map((bdf) => [bdf, group, true]),
      'they share a group, and one of them in our hands keeps all others out',
    );
    assert.equal(one.hotReset().devices.length, 3);
    assert.equal(one.bar(0).read32(0), 0x0100_00ed);
    if (path === 'group') {
      assert.throws(() => open(`group:${SHARED[1]}`), /already open: by this process.*\{ iommuOf: dev \}/);
    }
    const two = open(`${path}:${SHARED[1]}`, { iommuOf: one });
    one.close();
    two.hotReset();
    assert.equal(two.bar(0).read32(0), 0x0100_00ed);
    two.close();
  }
  assert.deepEqual(held(), []);
  for (const bdf of [SHARED[1], SHARED_OTHER]) toItsOwnDriver(bdf);
});
