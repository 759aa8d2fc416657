/**
 * The contract: what every backend must do with an edu on the other end, every verb and every row of bad input. It runs on the
 * simulator (contract.test.ts) and, in the guest, on the kernel's own VFIO.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import {
  BusError,
  ClosedError,
  type Device,
  EDU,
  EDU_BUFFER,
  EDU_DMA_MASK,
  HEADER,
  hexdump,
  LabError,
  open,
  r32,
  SystemError,
  TimeoutError,
  UsageError,
  VIEW,
} from '../lib/index.js';
import { bringUpContract } from './contract/bringup.js';
import { acknowledge, PATIENCE, raise, registers, spinUntil, transfer } from './contract/edu.js';
import { memoryContract } from './contract/memory.js';
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
      assert.deepEqual(names(dev), ['intx', 'msi', 'req']);
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

  describe(`regions of ${spec}`, () => {
    on('a register is read and written at its width', (dev) => {
      const bar = dev.bar(0);
      bar.write32(0x04, 0x1234_5678);
      assert.equal(bar.read32(0x04), 0xedcb_a987);
      bar.write32(0x04, 0xffff_ffff);
      assert.equal(bar.read32(0x04), 0);
      assert.equal(bar.read(0x00, 32), 0x0100_00ed);
    });

    on('64 bits are a bigint, exactly', (dev) => {
      const bar = dev.bar(0);
      bar.write64(0x80, 0x0fed_cba9_8765_4321n);
      assert.equal(bar.read64(0x80), 0x0fed_cba9_8765_4321n);
      bar.write64(0x80, 7n);
      assert.equal(bar.read64(0x80), 7n);
    });

    on('a block is read and written register by register', (dev) => {
      const bar = dev.bar(0);
      bar.writeBlock(0x04, Uint8Array.of(1, 2, 3, 4));
      assert.deepEqual([...bar.readBlock(0, 8)], [0xed, 0, 0, 1, 0xfe, 0xfd, 0xfc, 0xfb]);
      bar.writeBlock(
        0x80,
        Uint8Array.from({ length: 16 }, (_, index) => index),
        64,
      );
      assert.deepEqual([...bar.readBlock(0x80, 16, 64)], [...Array(16).keys()]);
      assert.equal(bar.readBlock(0, 0).length, 0);
    });

    on('a dump shows what was read', (dev) => {
      assert.match(String(dev.bar(0).dump(0, 16)), /00000000 {2}010000ed/);
    });

    on('config space is read in 8, 16 and 32 bits, and written', (dev) => {
      assert.equal(dev.config.read32(0), 0x11e8_1234);
      assert.equal(dev.config.read16(2), 0x11e8);
      assert.equal(dev.config.read8(1), 0x12);
      dev.config.write8(0x3c, 0x55);
      assert.equal(dev.config.read8(0x3c), 0x55);
      dev.busMaster(true);
      assert.equal(dev.config.read16(4) & 4, 4);
      dev.busMaster(false);
      assert.equal(dev.config.read16(4) & 4, 0);
    });

    on('config space by name: read as data, written by field', (dev) => {
      const header = dev.config.header();
      assert.deepEqual([header.layout, header.VENDOR_ID, header.COMMAND.MASTER], ['device', 0x1234, 0]);
      assert.deepEqual(
        header.bars.map(({ index, kind, type, size }) => [index, kind, type, size]),
        [[0, 'memory', '32-bit', 0x10_0000]],
      );
      const { raw } = dev.config.at('COMMAND').read();
      dev.config.at('COMMAND').modify({ MASTER: 1 });
      assert.equal(dev.config.read16(4), raw | 4);
      dev.config.at('4.l').modify(0, 4); // over STATUS too, whose write-1-to-clear bits it leaves alone
      assert.equal(dev.config.read16(4), raw);
      assert.equal(header.COMMAND.raw, raw, 'data do not change');

      const { offset, CONTROL } = dev.cap('MSI');
      const msi = dev.config.capability('MSI');
      assert.equal(msi.CONTROL.read().raw, CONTROL.raw);
      msi.ADDRESS.write(0xfee0_0000);
      msi.ADDRESS.modify(0x1000, 0xf000);
      assert.equal(dev.config.at('CAP_MSI+4').read().raw, 0xfee0_1000);
      assert.equal(dev.config.read32(offset + 4), 0xfee0_1000);
      assert.deepEqual(
        dev.capabilities().flatMap((one) => (one.name === 'MSI' ? [one.ADDRESS] : [])),
        [0xfee0_1000],
      );
      assert.match(String(dev.config.lspci()), /\[40\] MSI: Enable- .*\n\t\tAddress: 00000000fee01000 {2}Data: 0000/);
    });

    on('64 bits in config space are refused', (dev) => {
      assert.throws(() => dev.config.read64(0), UsageError);
      assert.throws(() => dev.config.write64(0, 0n), UsageError);
    });

    const badOffsets: [string, unknown][] = [
      ['misaligned', 2],
      ['negative', -4],
      ['fractional', 4.5],
      ['NaN', Number.NaN],
      ['infinite', Number.POSITIVE_INFINITY],
      ['just past the end', 1024 * 1024],
      ['far past the end', 2 ** 52],
      ['a bigint', 4n],
      ['a string', '4'],
      ['missing', undefined],
    ];
    for (const [what, offset] of badOffsets) {
      on(`an offset that is ${what} is refused before the card is touched`, (dev) => {
        const bar = dev.bar(0);
        for (const access of [
          () => bar.read32(offset as number),
          () => bar.write32(offset as number, 0),
          () => bar.readBlock(offset as number, 4),
          () => bar.writeBlock(offset as number, new Uint8Array(4)),
        ]) {
          assert.throws(access, (error) => error instanceof UsageError && error.message.includes('/bar0'));
        }
      });
    }

    const badValues: unknown[] = [-1, 2 ** 32, 0.5, Number.NaN, 1n, '1', undefined];
    for (const value of badValues) {
      on(`${inspect(value)} is refused as a 32-bit value`, (dev) => {
        dev.bar(0).write32(4, 1);
        assert.throws(() => dev.bar(0).write32(4, value as number), /not a 32-bit value/);
        assert.equal(dev.bar(0).read32(4), 0xffff_fffe, 'nothing was written');
      });
    }

    on('values too large for 8, 16 and 64 bits, and numbers as 64 bits, are refused', (dev) => {
      const bar = dev.bar(0);
      assert.throws(() => bar.write8(4, 0x100), UsageError);
      assert.throws(() => bar.write16(4, 0x1_0000), UsageError);
      assert.throws(() => bar.write64(0x80, 1n << 64n), UsageError);
      assert.throws(() => bar.write64(0x80, -1n), UsageError);
      assert.throws(() => bar.write64(0x80, 1 as never), UsageError);
    });

    on('a width other than 8, 16, 32 or 64 is refused', (dev) => {
      for (const width of [0, 1, 24, 128, Number.NaN, '32']) {
        assert.throws(() => dev.bar(0).read(0, width as never), UsageError);
        assert.throws(() => dev.bar(0).readBlock(0, 16, width as never), UsageError);
      }
    });

    on('a block that is too long or no multiple of the width is refused', (dev) => {
      assert.throws(() => dev.bar(0).readBlock(0, 1024 * 1024 + 4), UsageError);
      assert.throws(() => dev.bar(0).readBlock(0, 6), UsageError);
      assert.throws(() => dev.bar(0).readBlock(0, -4), UsageError);
      assert.throws(() => dev.bar(0).writeBlock(4, new Uint8Array(3)), UsageError);
    });

    on('a BAR or region that the card does not have is refused, naming those it has', (dev) => {
      for (const region of [() => dev.bar(1), () => dev.bar(-1), () => dev.bar(0.5), () => dev.region('rom')]) {
        assert.throws(region, /it has bar0, config/);
      }
    });

    on('with memory decoding off a read is a BusError, and the session goes on', (dev) => {
      const { COMMAND } = dev.config.registers(HEADER);
      COMMAND.modify({ MEM: 0 });
      for (const access of [
        () => dev.bar(0).read32(0),
        () => dev.bar(0).read64(0x80),
        () => dev.bar(0).write32(4, 1),
        () => dev.bar(0).readBlock(0, 64),
        () => dev.bar(0).writeBlock(4, new Uint8Array(4)),
      ]) {
        assert.throws(
          access,
          (error) => error instanceof BusError && /\/bar0\+0x[0-9a-f]+: .*COMMAND/.test(error.message),
        );
      }
      COMMAND.modify({ MEM: 1 });
    });
  });

  describe(`registers of ${spec}`, () => {
    on('fields are read by name and changed one by one', (dev) => {
      const edu = registers(dev);
      assert.deepEqual({ ...edu.ID.read() }, { raw: 0x0100_00ed, MAJOR: 1, MINOR: 0, MAGIC: 0xed });
      edu.STATUS.modify({ IRQ: 1 });
      assert.equal(edu.STATUS.read().IRQ, 1);
      edu.STATUS.write({});
      assert.equal(edu.STATUS.read().IRQ, 0);
    });

    on('a read-modify-write clears no write-1-to-clear bit that it does not name', (dev) => {
      const map = { LIVENESS: r32(0x04, { ENABLE: 0, LATCH: [1, 1, 'w1c'] }) }; // it reads back the inverse
      const { LIVENESS } = dev.bar(0).registers(map);
      const bar = dev.bar(0);
      for (const [change, written] of [
        [{ ENABLE: 0 }, 0xffff_fffc],
        [{ ENABLE: 1 }, 0xffff_fffd],
        [{ LATCH: 1 }, 0xffff_ffff],
      ] as const) {
        bar.write32(0x04, 0);
        LIVENESS.modify(change);
        assert.equal(~bar.read32(0x04) >>> 0, written);
      }
    });

    on('bad fields and bad access modes are refused before the card is touched', (dev) => {
      const edu = registers(dev) as unknown as Record<
        string,
        { read(): unknown; write(v: unknown): void; modify(v: unknown): void }
      >;
      edu.STATUS?.write({ IRQ: 1 });
      for (const bad of [
        () => edu.STATUS?.modify({ IQR: 1 }),
        () => edu.STATUS?.modify({ COMPUTING: 1 }),
        () => edu.STATUS?.write({ IRQ: 2 }),
        () => edu.ID?.write(1),
        () => edu.IRQ_RAISE?.read(),
        () => edu.IRQ_RAISE?.modify({}),
      ]) {
        assert.throws(bad, (error) => error instanceof UsageError && /bar0\+0x[0-9a-f]+ [A-Z_]+: /.test(error.message));
      }
      assert.equal(registers(dev).STATUS.read().IRQ, 1);
      edu.STATUS?.write(0);
    });

    on('a map that does not fit the region is refused when it is bound', (dev) => {
      const past = { X: { ...EDU.ID, offset: 1024 * 1024 } };
      assert.throws(() => dev.bar(0).registers(past), /X: .*outside the region/);
    });

    on('looking at anything reads no register', (dev) => {
      const edu = registers(dev);
      const buf = dev.dma(4096);
      const [irq] = dev.enableIrqs('msi');
      const looked = [dev, dev.bar(0), edu, edu.STATUS, buf, irq];
      dev.config.registers(HEADER).COMMAND.modify({ MEM: 0 }); // a register read would fault
      for (const thing of looked) {
        assert.ok(inspect(thing).length > 0);
        assert.ok(thing[VIEW]().rows.length > 0);
        JSON.stringify(thing, (_key, value) => (typeof value === 'bigint' ? `${value}` : value));
        for (const key in thing) inspect((thing as unknown as Record<string, unknown>)[key]);
      }
      dev.config.registers(HEADER).COMMAND.modify({ MEM: 1 });
    });
  });

  describe(`DMA on ${spec}`, () => {
    on('a buffer is zeroed, whole pages, at an IOVA in the ranges', (dev) => {
      const buf = dev.dma(5000);
      assert.equal(buf.size, 8192);
      assert.equal(buf.bytes.length, 8192);
      assert.ok(buf.bytes.every((byte) => byte === 0));
      assert.ok(buf.iova >= 0x1000n && buf.iova % 4096n === 0n);
    });

    on('bytes go to the card and come back', (dev) => {
      dev.busMaster(true);
      const buf = dev.dma(8192, { mask: EDU_DMA_MASK });
      const data = Uint8Array.from({ length: 4096 }, (_, index) => (index * 7) & 0xff);
      buf.bytes.set(data);
      transfer(dev, buf.iova, BigInt(EDU_BUFFER.offset), 4096, 'to card');
      transfer(dev, BigInt(EDU_BUFFER.offset), buf.iova + 4096n, 4096, 'to memory');
      assert.deepEqual(buf.bytes.subarray(4096), data);
      assert.match(String(hexdump(buf.bytes.subarray(4096, 4112), { base: buf.iova + 4096n })), /00 07 0e 15/);
    });

    on('a loop that polls the buffer itself sees the data arrive', (dev) => {
      dev.busMaster(true);
      const edu = registers(dev);
      const buf = dev.dma(4096, { mask: EDU_DMA_MASK });
      buf.bytes.fill(0xa5, 0, 16);
      transfer(dev, buf.iova, BigInt(EDU_BUFFER.offset), 16, 'to card');
      edu.DMA_SRC.write(BigInt(EDU_BUFFER.offset));
      edu.DMA_DST.write(buf.iova + 64n);
      edu.DMA_COUNT.write(16n);
      edu.DMA_CMD.write({ RUN: 1n, TO_MEMORY: 1n });
      spinUntil(() => buf.bytes[79] === 0xa5, 'the last byte');
    });

    on('without bus mastering nothing arrives', (dev) => {
      const buf = dev.dma(4096, { mask: EDU_DMA_MASK });
      buf.bytes.fill(0x11);
      transfer(dev, BigInt(EDU_BUFFER.offset), buf.iova, 16, 'to memory');
      assert.ok(buf.bytes.every((byte) => byte === 0x11));
    });

    on('the mask is kept, and a freed IOVA is used again', (dev) => {
      const first = dev.dma(4096, { mask: EDU_DMA_MASK });
      assert.ok(first.iova + BigInt(first.size) - 1n <= BigInt(EDU_DMA_MASK));
      const { iova } = first;
      first.free();
      assert.equal(dev.dma(4096, { mask: EDU_DMA_MASK }).iova, iova);
    });

    on('freeing twice is allowed; old views of the memory read zeros and harm nothing', (dev) => {
      const buf = dev.dma(4096);
      const { bytes } = buf;
      bytes.fill(0xff);
      buf.free();
      buf.free();
      assert.ok(bytes.every((byte) => byte === 0));
      bytes.fill(1);
      assert.throws(() => buf.bytes, ClosedError);
      assert.deepEqual(dev.buffers, []);
      assert.match(inspect(buf), /freed/);
    });

    on('closing the device frees its buffers', (dev) => {
      const buf = dev.dma(4096);
      const { bytes } = buf;
      dev.close();
      assert.ok(buf.freed);
      bytes.fill(1);
    });

    const badDma: [string, unknown, object][] = [
      ['size 0', 0, {}],
      ['a negative size', -1, {}],
      ['a fractional size', 1.5, {}],
      ['a bigint size', 4096n, {}],
      ['an odd page size', 4096, { pageSize: 8192 }],
      ['a mask of 0', 4096, { mask: 0 }],
      ['a fractional mask', 4096, { mask: 1.5 }],
      ['unknown rights', 4096, { access: 'x' }],
    ];
    for (const [what, size, options] of badDma) {
      on(`${what} is refused`, (dev) => {
        assert.throws(() => dev.dma(size as number, options), UsageError);
        dev.dma(4096);
      });
    }

    on('a buffer that fits nowhere below the mask is refused', (dev) => {
      assert.throws(() => dev.dma(64 * 1024, { mask: 0xffff }), /no free IOVA/);
    });

    on('huge pages are whole, or their absence names the file and the command', (dev) => {
      const pageSize = 2 * 1024 * 1024;
      if (!hugePages) {
        assert.throws(
          () => dev.dma(4096, { pageSize }),
          (error) => error instanceof SystemError && /\/dma: .*\/sys\/.*hugepages-2048kB/.test(error.message),
        );
        return;
      }
      const buf = dev.dma(4096, { pageSize, mask: EDU_DMA_MASK });
      assert.equal(buf.size, pageSize);
      assert.equal(buf.iova % BigInt(pageSize), 0n);
      dev.busMaster(true);
      buf.bytes.fill(0x5a, pageSize - 16);
      transfer(dev, buf.iova + BigInt(pageSize) - 16n, BigInt(EDU_BUFFER.offset), 16, 'to card');
      transfer(dev, BigInt(EDU_BUFFER.offset), buf.iova, 16, 'to memory');
      assert.ok(buf.bytes.subarray(0, 16).every((byte) => byte === 0x5a));
    });
  });

  describe(`interrupts of ${spec}`, () => {
    on('MSI: a wait ends when the card fires', async (dev) => {
      dev.busMaster(true);
      const [irq] = dev.enableIrqs('msi');
      const edu = registers(dev);
      edu.STATUS.modify({ IRQ: 1 });
      const fired = irq.wait({ timeout: PATIENCE });
      edu.FACTORIAL.write(5);
      assert.equal(await fired, 1);
      assert.equal(edu.IRQ_STATUS.read().FACTORIAL, 1);
      acknowledge(dev);
      assert.equal(edu.FACTORIAL.read(), 120);
    });

    on('a wait returns at once for what fired since the last one, and no firing is lost', async (dev) => {
      dev.busMaster(true);
      const [irq] = dev.enableIrqs('msi');
      for (let round = 1; round <= 3; round++) {
        raise(dev);
        acknowledge(dev);
        spinUntil(() => irq.count === round, 'count');
      }
      assert.equal(await irq.wait({ timeout: PATIENCE }), 3);
      await assert.rejects(irq.wait({ timeout: 20 }), TimeoutError);
      assert.equal(irq.count, 3);
    });

    on('waits queue first come first served', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const order: string[] = [];
      const first = irq.wait({ timeout: PATIENCE }).then(() => order.push('first'));
      const second = irq.wait({ timeout: PATIENCE }).then(() => order.push('second'));
      irq.trigger();
      await first;
      assert.deepEqual(order, ['first']);
      irq.trigger();
      await second;
      assert.deepEqual(order, ['first', 'second']);
    });

    on('an aborted wait is gone and takes no later interrupt', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const controller = new AbortController();
      const wait = irq.wait({ timeout: PATIENCE, signal: controller.signal });
      controller.abort(new Error('enough'));
      await assert.rejects(wait, /enough/);
      await assert.rejects(irq.wait({ signal: controller.signal }), /enough/);
      irq.trigger();
      assert.equal(await irq.wait({ timeout: PATIENCE }), 1);
    });

    on('a timeout names bus mastering when that is off', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      raise(dev);
      await assert.rejects(irq.wait({ timeout: 50 }), /bus mastering is off.*dev\.busMaster\(true\)/);
      acknowledge(dev);
    });

    on('bad timeouts are refused', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      for (const timeout of [-1, Number.NaN, '5'])
        await assert.rejects(irq.wait({ timeout: timeout as number }), UsageError);
    });

    on('INTx fires once, masks itself, and fires again after unmask while the line is high', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      raise(dev);
      assert.equal(await irq.wait({ timeout: PATIENCE }), 1);
      assert.ok(irq.masked);
      await assert.rejects(irq.wait({ timeout: 50 }), /masked since it last fired.*irq\.unmask\(\)/);
      irq.unmask();
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
      irq.unmask();
      assert.ok(!irq.masked);
      raise(dev);
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
    });

    on('INTx masked by hand stays silent until it is unmasked', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      irq.mask();
      raise(dev);
      await assert.rejects(irq.wait({ timeout: 50 }), TimeoutError);
      irq.unmask();
      await irq.wait({ timeout: PATIENCE });
      acknowledge(dev);
    });

    on('a timeout names INTx disabled in COMMAND', async (dev) => {
      const [irq] = dev.enableIrqs('intx');
      const { COMMAND } = dev.config.registers(HEADER);
      COMMAND.modify({ INTX_DISABLE: 1 });
      await assert.rejects(irq.wait({ timeout: 20 }), /INTX_DISABLE/);
      COMMAND.modify({ INTX_DISABLE: 0 });
    });

    on('a software trigger goes the whole way from the kernel', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      irq.trigger();
      irq.trigger();
      assert.ok((await irq.wait({ timeout: PATIENCE })) >= 1);
      spinUntil(() => irq.count === 2, 'count');
    });

    on('iteration yields counts until the interrupt is disabled', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      let total = 0;
      irq.trigger();
      for await (const count of irq) {
        total += count;
        if (total < 3) irq.trigger();
        else dev.disableIrqs('msi');
      }
      assert.equal(total, 3);
    });

    on('disabling ends waits, and the interrupt can be enabled again', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const wait = irq.wait({ timeout: PATIENCE });
      dev.disableIrqs();
      await assert.rejects(wait, ClosedError);
      await assert.rejects(irq.wait(), ClosedError);
      const [again] = dev.enableIrqs('msi');
      again.trigger();
      await again.wait({ timeout: PATIENCE });
    });

    on('closing ends waits', async (dev) => {
      const [irq] = dev.enableIrqs('msi');
      const wait = irq.wait({ timeout: PATIENCE });
      dev.close();
      await assert.rejects(wait, /was closed/);
    });

    on('INTx and MSI by turns, never together', async (dev) => {
      for (const kind of ['intx', 'msi', 'intx'] as const) {
        const [irq] = dev.enableIrqs(kind);
        const other = kind === 'intx' ? 'msi' : 'intx';
        assert.throws(() => dev.enableIrqs(other), /disableIrqs/);
        assert.throws(() => dev.enableIrqs(kind), /enabled already/);
        irq.trigger();
        await irq.wait({ timeout: PATIENCE });
        dev.disableIrqs(kind);
      }
    });

    const badIrqs: [string, () => [unknown, unknown?], RegExp][] = [
      ['MSI-X, which the card does not have', () => ['msix'], /no MSI-X; it has INTx \(1\), MSI \(1\)/],
      ['more vectors than the card has', () => ['msi', 2], /2 vectors of MSI; it has/],
      ['no vector', () => ['msi', 0], /0 vectors/],
      ['half a vector', () => ['msi', 0.5], /0.5 vectors/],
      ['an unknown kind', () => ['nmi'], /unknown kind 'nmi'/],
    ];
    for (const [what, args, words] of badIrqs) {
      on(`${what} is refused`, (dev) => {
        assert.throws(
          () => dev.enableIrqs(...(args() as ['msi', number?])),
          (error) => error instanceof UsageError && words.test(error.message),
        );
        dev.enableIrqs('msi');
      });
    }

    on('masking MSI is refused: VFIO has no such thing', (dev) => {
      const [irq] = dev.enableIrqs('msi');
      assert.throws(() => irq.mask(), /INTx only/);
      assert.throws(() => irq.unmask(), /INTx only/);
    });
  });

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
