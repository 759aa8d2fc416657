/** The contract's part about DMA memory: what a buffer may be made of, where it lies, what is found in it and around it. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { inspect } from 'node:util';
import {
  ClosedError,
  type Device,
  EDU_BUFFER,
  EDU_DMA_MASK,
  GuardError,
  pageMemory,
  u8,
  u16,
  u32,
  u64,
  UsageError,
  VIEW,
} from '../../lib/index.js';
import { type On, transfer } from './edu.js';

const INSIDE = BigInt(EDU_BUFFER.offset);
const mask = EDU_DMA_MASK;

/** Loads the card with 0x77; what comes back has it write so many of them at an IOVA. */
function loaded(dev: Device): (iova: bigint, count: number) => void {
  dev.busMaster(true);
  const source = dev.dma(4096, { mask, fill: 0x77 });
  transfer(dev, source.iova, INSIDE, 128, 'to card');
  source.free();
  return (iova, count) => transfer(dev, INSIDE, iova, count, 'to memory');
}

export function memoryContract(spec: string, on: On): void {
  describe(`memory on ${spec}`, () => {
    on("the caller's own memory goes to the card and back, and stays the caller's", (dev) => {
      dev.busMaster(true);
      const own = pageMemory(8192);
      own.fill(0x3c);
      const buf = dev.dma(own, { mask });
      assert.deepEqual([buf.borrowed, buf.size, buf.bytes === own], [true, 8192, true]);
      transfer(dev, buf.iova, INSIDE, 64, 'to card');
      own.fill(0);
      transfer(dev, INSIDE, buf.iova + 4096n, 64, 'to memory');
      assert.ok(own.subarray(4096, 4160).every((byte) => byte === 0x3c));
      buf.free();
      assert.equal(own[4096], 0x3c, 'not zeroed, not freed');
      assert.throws(() => buf.bytes, ClosedError);
      own.fill(1);
      const again = dev.dma(own.subarray(4096), { mask });
      assert.deepEqual([again.iova, again.size, again.bytes[0]], [buf.iova, 4096, 1]);
    });

    on('memory of an ArrayBuffer of the caller’s is taken from its first page on', (dev) => {
      const cardWrites = loaded(dev);
      for (const buffer of [new ArrayBuffer(1 << 20), new SharedArrayBuffer(1 << 20)]) {
        let begin = 0;
        try {
          dev.dma(new Uint8Array(buffer, 0, 4096)).free();
        } catch (error) {
          begin = 4096 - Number(/begins (\d+) bytes after one; pageMemory\(size\)/.exec(String(error))?.[1]);
        }
        const own = new Uint8Array(buffer, begin, 8192);
        const buf = dev.dma(own, { mask });
        cardWrites(buf.iova + 4095n, 2);
        assert.deepEqual([...own.subarray(4094, 4098)], [0, 0x77, 0x77, 0]);
        buf.free();
      }
    });

    const notPages: [string, () => Uint8Array, RegExp][] = [
      ['a short array', () => new Uint8Array(16), /must be whole pages of 4096 bytes, and is 16 bytes/],
      ['no bytes at all', () => new Uint8Array(0), /whole pages/],
      ['half a page', () => pageMemory(4096).subarray(2048), /whole pages/],
      ['pages that begin within one', () => pageMemory(8192).subarray(256, 256 + 4096), /begins 256 bytes after one/],
    ];
    for (const [what, memory, words] of notPages) {
      on(`${what} is no memory for a device`, (dev) => {
        assert.throws(
          () => dev.dma(memory()),
          (error) => error instanceof UsageError && words.test(error.message) && /pageMemory/.test(error.hint),
        );
        assert.throws(() => dev.dma(pageMemory(4096), { pageSize: 4096 }), /leave pageSize out/);
        dev.dma(4096);
      });
    }

    on('memory that the device may only read keeps what the device writes out', (dev) => {
      const cardWrites = loaded(dev);
      const buf = dev.dma(4096, { mask, access: 'r', fill: 0x11 });
      transfer(dev, buf.iova, INSIDE, 16, 'to card');
      const target = dev.dma(4096, { mask });
      transfer(dev, INSIDE, target.iova, 16, 'to memory');
      assert.ok(target.compare(0x11, 0, 16).equal, 'it was read');
      buf.fill(0x22);
      cardWrites(buf.iova, 16);
      assert.ok(buf.compare(0x22).equal, 'it was not written');
      assert.match(inspect(buf), /the device reads only/);
      const sink = dev.dma(4096, { mask, access: 'w' });
      cardWrites(sink.iova, 16);
      assert.ok(sink.compare(0x11, 0, 16).equal);
    });

    on('an IOVA may be chosen, 0 too; one that is taken, out of range or odd is refused', (dev) => {
      const cardWrites = loaded(dev);
      const buf = dev.dma(8192, { iova: 0x10_0000n, mask });
      assert.equal(buf.iova, 0x10_0000n);
      cardWrites(0x10_1000n, 8);
      assert.ok(buf.compare(0x77, 4096, 8).equal);
      assert.equal(dev.dma(4096, { iova: 0n }).iova, 0n);
      const [last] = [...dev.buffers].reverse();
      last?.free();
      const bad: [bigint, RegExp][] = [
        [0x10_1000n, /a part of iova 0x101000 to 0x101fff is taken; .*bufferAt/],
        [0xfee0_0000n, /not in the IOMMU's ranges; they are 0x/],
        [1n << 60n, /not in the IOMMU's ranges/],
        [-4096n, /iova 0x?-/],
        [0x800n, /multiple of 4096/],
        [0x1000_0000n, /above the mask/],
      ];
      for (const [iova, words] of bad) {
        assert.throws(() => dev.dma(4096, { iova, mask: iova === 0x1000_0000n ? mask : 1n << 63n }), words);
      }
      assert.throws(() => dev.dma(4096, { iova: 4096 as never }), UsageError);
      assert.equal(dev.buffers.length, 1, 'nothing is left of what was refused');
      buf.free();
      assert.equal(dev.dma(4096, { iova: 0x10_1000n }).iova, 0x10_1000n);
    });

    on('a buffer is found by an IOVA in it and by a view of its memory', (dev) => {
      const first = dev.dma(8192);
      const second = dev.dma(4096);
      const own = dev.dma(pageMemory(16384).subarray(4096, 12288));
      for (const buf of [first, second, own]) {
        assert.equal(dev.bufferAt(buf.iova), buf);
        assert.equal(dev.bufferAt(buf.iova + BigInt(buf.size) - 1n), buf);
        assert.equal(dev.bufferAt(buf.bytes.subarray(16, 32)), buf);
        assert.equal(buf.iovaOf(buf.bytes.subarray(16)), buf.iova + 16n);
        assert.equal(buf.iovaOf(256), buf.iova + 256n);
      }
      assert.equal(dev.bufferAt(second.iova + 4096n * 64n), undefined);
      assert.equal(dev.bufferAt(new Uint8Array(16)), undefined);
      assert.equal(dev.bufferAt(new Uint8Array(own.bytes.buffer, 0, 4096)), undefined, 'memory that is not mapped');
      assert.throws(() => first.iovaOf(second.bytes), UsageError);
      assert.throws(() => first.iovaOf(8192), UsageError);
      first.free();
      assert.equal(dev.bufferAt(first.iova), undefined);
    });

    on('what a device writes past its buffer is found in the guards', (dev) => {
      const cardWrites = loaded(dev);
      const buf = dev.dma(100, { guard: true, mask });
      assert.deepEqual([buf.bytes.length, buf.size, buf.guarded], [100, 4096, true]);
      cardWrites(buf.iova, 100);
      assert.ok(buf.compare(0x77).equal);
      assert.ok(buf.check().intact);
      cardWrites(buf.iova + 98n, 4);
      cardWrites(buf.iova - 8n, 8);
      cardWrites(buf.iova + 4096n, 3);
      const report = buf.check();
      assert.deepEqual(
        report.breaches.map(({ side, offset, length, iova }) => [side, offset, length, iova - buf.iova]),
        [
          ['before', -8, 8, -8n],
          ['after', 100, 2, 100n],
          ['after', 4096, 3, 4096n],
        ],
      );
      assert.match(inspect(report), /written past: 8 bytes before it, at -0x8; 2 bytes after it, at \+0x64; and more/);
      assert.equal(report[VIEW]().rows.length, 3);
      assert.throws(
        () => buf.free(),
        (error) =>
          error instanceof GuardError && error.report.breaches.length === 3 && error.message.includes(buf.path),
      );
      assert.ok(buf.freed);
      assert.deepEqual(dev.buffers, []);
      assert.throws(() => dev.dma(4096).check(), /no guards.*guard: true/);
      const borrowed = dev.dma(pageMemory(4096), { guard: true, mask });
      cardWrites(borrowed.iova + 4095n, 2);
      assert.equal(borrowed.check().breaches[0]?.offset, 4096);
    });

    on('a guarded buffer takes its guards’ IOVAs too, and gives them back', (dev) => {
      const buf = dev.dma(4096, { guard: true, iova: 0x2000n });
      assert.throws(() => dev.dma(4096, { iova: 0x1000n }), /taken/);
      assert.throws(() => dev.dma(4096, { iova: 0x3000n }), /taken/);
      assert.equal(dev.bufferAt(0x1000n), undefined, 'a guard is not the buffer');
      buf.free();
      assert.equal(dev.dma(3 * 4096).iova, 0x1000n);
      assert.throws(() => dev.dma(4096, { guard: true, iova: 0n }), /ranges/);
    });

    on('memory is filled and compared, and a difference shows where', (dev) => {
      const buf = dev.dma(4096, { fill: 'poison' });
      assert.equal(new DataView(buf.bytes.buffer).getUint32(8, true), 0xdead_beef);
      assert.ok(buf.compare('poison').equal);
      buf.fill(0x5a, 16, 16);
      buf.fill(Uint8Array.of(1, 2, 3), 100, 7);
      assert.deepEqual([...buf.bytes.subarray(100, 107)], [1, 2, 3, 1, 2, 3, 1]);
      const found = buf.compare('poison');
      assert.deepEqual([found.equal, found.length, found.count], [false, 4096, 23]);
      assert.deepEqual(found.runs, [
        { offset: 16, length: 16 },
        { offset: 100, length: 7 },
      ]);
      assert.match(inspect(found), /23 of 4096 bytes differ, the first at \+0x10\n.*\n {2}00000010 {2}ef be .* 5a 5a/);
      assert.match(inspect(found), /00000060 .* \.\. \.\. \.\. \.\. 01 02 03 01 02 03 01 \.\./);
      assert.ok(buf.compare(Uint8Array.of(2, 3, 1), 101).equal);
      assert.ok(buf.compare(Uint8Array.of(1, 2, 3), 100, 7).equal);
      const three = Uint8Array.of(1, 2, 3);
      const long = dev.dma(12288, { fill: three });
      assert.ok(long.compare(three, 0, 12288).equal, 'a pattern that does not divide a page');
      assert.equal(long.compare(three, 1, 12287).count, 12287);
      for (const bad of [
        () => buf.fill(256),
        () => buf.fill(new Uint8Array(0)),
        () => buf.fill('venom' as never),
        () => buf.fill(0, 4000, 97),
        () => buf.fill(0, -1),
        () => buf.compare(new Uint8Array(4097)),
        () => dev.dma(4096, { fill: -1 }),
      ]) {
        assert.throws(bad, UsageError);
      }
    });

    on('a struct is assigned and read by its names, little-endian, and the card sees it', (dev) => {
      dev.busMaster(true);
      const buf = dev.dma(4096, { mask });
      const layout = {
        OPCODE: u8(0),
        CID: u16(2),
        NSID: u32(4, { LOW: [7, 0], KIND: [9, 8, { PLAIN: 0, FANCY: 2 }], TOP: 31 }),
        PRP: u64(8, 2),
      };
      const command = buf.struct(layout, 64);
      Object.assign(command, { OPCODE: 0xa5, CID: 0x1234 });
      command.NSID.raw = 0x8000_0000;
      command.NSID.LOW = 0x42;
      command.NSID.KIND = 'FANCY';
      command.PRP[1] = 0x1122_3344_5566_7788n;
      assert.deepEqual([...buf.bytes.subarray(64, 72)], [0xa5, 0, 0x34, 0x12, 0x42, 2, 0, 0x80]);
      transfer(dev, buf.iova + 64n, INSIDE, 24, 'to card');
      transfer(dev, INSIDE, buf.iova + 128n, 24, 'to memory');
      const copy = buf.struct(layout, 128);
      assert.deepEqual(
        [copy.OPCODE, copy.CID, copy.NSID.LOW, copy.NSID.KIND, copy.NSID.TOP, copy.PRP[0], copy.PRP[1]],
        [0xa5, 0x1234, 0x42, 'FANCY', 1, 0n, 0x1122_3344_5566_7788n],
      );
      assert.match(inspect(copy), /\+0x00 {2}OPCODE +0xa5\n.*\+0x02 {2}CID .*KIND FANCY/s);
      const loose = command as unknown as Record<string, unknown>;
      for (const bad of [
        () => Object.assign(loose, { OPCODE: 256 }),
        () => Object.assign(loose, { CID: 1.5 }),
        () => Object.assign(loose, { CID: 1n }),
        () => Object.assign(command.PRP, { 0: 1 }),
        () => Object.assign(command.PRP, { 0: 1n << 64n }),
        () => Object.assign(command.NSID, { LOW: 256 }),
        () => Object.assign(command.NSID, { KIND: 'ODD' }),
        () => buf.struct({ X: u32(4094) }),
        () => buf.struct({ X: u8(0) }, 4096),
        () => buf.struct({ X: u8(-1) }),
        () => buf.struct({ X: u64(0, 513) }),
      ]) {
        assert.throws(
          bad,
          (error) => error instanceof UsageError && error.message.startsWith(`${buf.path}`),
          String(bad),
        );
      }
      assert.throws(() => Object.assign(loose, { OPCOED: 1 }), TypeError);
      buf.free();
      assert.throws(() => command.OPCODE, ClosedError);
      assert.match(inspect(command), /freed/);
    });

    on('close tells what was still mapped, and where it was made', (dev) => {
      const cardWrites = loaded(dev);
      dev.dma(4096).free();
      const buf = dev.dma(4096, { mask });
      const guarded = dev.dma(4096, { guard: true, mask });
      cardWrites(guarded.iova + 4096n, 1);
      const leaks = dev.close();
      assert.deepEqual(
        leaks?.buffers.map(({ path, size }) => [path, size]),
        [
          [buf.path, 4096],
          [guarded.path, 4096],
        ],
      );
      assert.match(leaks.buffers[0]?.site ?? '', /\(at .*contract\/memory\.js:\d+:\d+\)/);
      assert.equal(leaks.buffers[1]?.guard?.breaches[0]?.offset, 4096);
      assert.match(inspect(leaks), /2 buffers were still mapped\n.*iova 0x.*4 KiB/);
      assert.ok(buf.freed && guarded.freed);
      assert.equal(dev.close(), undefined);
    });

    on('close says nothing where nothing was left', (dev) => {
      dev.dma(4096).free();
      assert.equal(dev.close(), undefined);
    });

    on('a device, its buffers and its regions cannot be posted to another thread, and say so', (dev) => {
      for (const thing of [dev, dev.dma(4096), dev.bar(0), dev.enableIrqs('msi')[0]]) {
        assert.throws(() => structuredClone(thing), /belongs to the thread that opened it/);
      }
    });

    on('freed memory and IOVAs are used again, 200 times', (dev) => {
      const before = dev.dma(4096).iova;
      for (let round = 0; round < 200; round++) {
        using buf = dev.dma(1 + (round % 5) * 4096, { guard: round % 3 === 0 });
        assert.ok(buf.iova < before + 0x1_0000n);
      }
    });
  });
}
