/**
 * The contract: what every backend must do with an edu on the other end, every verb and every row of bad input. It runs on the
 * simulator (contract.test.ts) and, in the guest, on the kernel's own VFIO. Here: opening, closing, resetting; the rest is in contract/.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  ClosedError,
  type Device,
  EDU_BUFFER,
  EDU_DMA_MASK,
  HEADER,
  LabError,
  open,
  UsageError,
} from '../lib/index.js';
import { bringUpContract } from './contract/bringup.js';
import { dmaContract } from './contract/dma.js';
import { acknowledge, PATIENCE, raise, registers, transfer } from './contract/edu.js';
import { irqContract } from './contract/irqs.js';
import { memoryContract } from './contract/memory.js';
import { regionContract } from './contract/regions.js';
import { registerContract } from './contract/registers.js';
import { vectorContract } from './contract/vectors.js';

const names = (dev: Device) => dev.irqs.map((info) => info.name);

export interface ContractOptions {
  /** Whether 2 MiB pages are configured on this host. */
  readonly hugePages: boolean;
}

export function contract(spec: string, { hugePages }: ContractOptions): void {
  /** A test with a device of its own, closed afterwards, which must still answer at the end. */
  const on = (name: string, body: (dev: Device) => void | Promise<void>) =>
    test(name, async () => {
      const dev = open(spec);
      try {
        await body(dev);
        if (!dev.closed) assert.equal(registers(dev).ID.read().raw, 0x0100_00ed, 'the card answers afterwards');
      } finally {
        dev.close();
      }
    });

  describe(`opening ${spec}`, () => {
    on('is inert: no bus mastering, no interrupt, no buffer', (dev) => {
      assert.equal(dev.config.registers(HEADER).COMMAND.read().MASTER, 0);
      assert.deepEqual(dev.enabledIrqs, []);
      assert.deepEqual(dev.buffers, []);
    });

    on('its status is what was seen of it; refreshed, it looks', (dev) => {
      assert.deepEqual([dev.status().command, dev.status().gone, dev.status().irqs], [undefined, undefined, []]);
      dev.busMaster(true);
      dev.dma(4096, { mask: EDU_DMA_MASK });
      dev.enableIrqs('msi');
      const { command, irqs, dma, onesAt } = dev.status();
      assert.deepEqual([command?.busMaster, command?.how, onesAt], [true, 'written', undefined]);
      assert.deepEqual([irqs, dma], [[{ kind: 'msi', vectors: 1 }], { buffers: 1, bytes: 4096 }]);
      dev.busMaster(false);
      const refreshed = dev.status({ refresh: true });
      assert.deepEqual([refreshed.command?.busMaster, refreshed.command?.how], [false, 'read']);
      const express = dev.capabilities().find(({ name }) => name === 'EXP');
      assert.equal(refreshed.link === undefined, express === undefined);
      dev.close();
      assert.equal(dev.status().gone, 'was closed');
    });

    on('tells what the card is and what it has', (dev) => {
      assert.deepEqual([dev.identity.vendor, dev.identity.device, dev.identity.classCode], [0x1234, 0x11e8, 0x00ff00]);
      assert.deepEqual(
        dev.regions.map((region) => [region.name, region.size >= 256]),
        [
          ['bar0', true],
          ['config', true],
        ],
      );
      assert.equal(dev.bar(0).size, 1024 * 1024);
      // Newer kernels (7.3) have ERR for cards without PCI Express too.
      const kinds = names(dev).filter((name) => name !== 'err');
      assert.deepEqual(kinds, ['intx', 'msi', 'req']);
    });

    on('a second time in one process is refused, naming the first, which goes on', () => {
      assert.throws(
        () => open(spec),
        (error) => error instanceof UsageError && /open already \(at .*contract.*:\d+:\d+\)/.test(error.message),
      );
    });

    test('works again at once after close, many times', () => {
      for (let round = 0; round < 10; round++) {
        using dev = open(spec);
        assert.equal(dev.bar(0).read32(0), 0x0100_00ed);
      }
    });

    on('closing twice is allowed; afterwards every verb says that it was closed', (dev) => {
      const bar = dev.bar(0);
      const edu = registers(dev);
      const buf = dev.dma(4096);
      const [irq] = dev.enableIrqs('msi');
      dev.close();
      dev.close();
      const verbs: Record<string, () => unknown> = {
        read: () => bar.read32(0),
        write: () => bar.write32(4, 1),
        block: () => bar.readBlock(0, 16),
        config: () => dev.config.read16(0),
        register: () => edu.STATUS.modify({ IRQ: 1 }),
        dma: () => dev.dma(4096),
        irqs: () => dev.enableIrqs('msi'),
        trigger: () => irq.trigger(),
        reset: () => dev.reset(),
        bytes: () => buf.bytes,
        busMaster: () => dev.busMaster(true),
      };
      for (const [name, verb] of Object.entries(verbs)) {
        assert.throws(verb, (error) => error instanceof ClosedError && error.hint !== '', name);
      }
      assert.match(inspect(dev), /closed/);
    });
  });

  regionContract(spec, on);
  registerContract(spec, on);
  dmaContract(spec, on, hugePages);
  irqContract(spec, on);

  describe(`resetting ${spec}`, () => {
    on('config space is restored; buffers and interrupts live on', async (dev) => {
      dev.busMaster(true);
      const buf = dev.dma(4096, { mask: EDU_DMA_MASK });
      const [irq] = dev.enableIrqs('msi');
      raise(dev);
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
      dev.reset();
      assert.equal(dev.config.registers(HEADER).COMMAND.read().MASTER, 1, 'COMMAND is restored');
      raise(dev);
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
      buf.bytes.fill(0x77, 0, 8);
      transfer(dev, buf.iova, BigInt(EDU_BUFFER.offset), 8, 'to card');
      transfer(dev, BigInt(EDU_BUFFER.offset), buf.iova + 8n, 8, 'to memory');
      assert.ok(buf.bytes.subarray(0, 16).every((byte) => byte === 0x77));
    });
  });

  memoryContract(spec, on);
  vectorContract(spec, on);
  bringUpContract(spec, on);

  test(`every error on ${spec} names the device and the next step`, () => {
    using dev = open(spec);
    const failures = [
      () => dev.bar(9),
      () => dev.bar(0).read32(1),
      () => dev.dma(0),
      () => dev.enableIrqs('msix'),
      () => open(spec),
    ];
    for (const failure of failures) {
      assert.throws(failure, (error) => {
        assert.ok(error instanceof LabError);
        assert.ok(error.message.startsWith(dev.path), error.message);
        assert.ok(error.hint.length > 0 && error.message.includes(error.hint));
        return true;
      });
    }
  });
}
