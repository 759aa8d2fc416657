/** The contract's part about DMA: buffers, what the card reads of them and writes to them, what is refused. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { inspect } from 'node:util';
import { ClosedError, EDU_BUFFER, EDU_DMA_MASK, hexdump, SystemError, UsageError } from '../../lib/index.js';
import { type On, registers, spinUntil, transfer } from './edu.js';

export function dmaContract(spec: string, on: On, hugePages: boolean): void {
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
}
