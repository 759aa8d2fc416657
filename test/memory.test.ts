/** Memory for DMA: zeroed, shared, harmless after release, and given back to the last page. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { BorrowedMemory, PageMemory } from '../lib/backends/memory.js';
import { SystemError, UsageError } from '../lib/errors.js';
import { addressOf } from '../lib/native.js';

const MEMORY = new URL('../lib/backends/memory.js', import.meta.url).href;
const NATIVE = new URL('../lib/native.js', import.meta.url).href;
const MiB = 2 ** 20;

function run(body: string, ...flags: string[]) {
  const program = `import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
    import { PageMemory } from ${JSON.stringify(MEMORY)};
    /** Is something mapped at this address? */
    const mapped = (at) => readFileSync('/proc/self/maps', 'utf8').trim().split('\\n').some((line) => {
      const [first, end] = line.split(' ', 1)[0].split('-').map((hex) => BigInt('0x' + hex));
      return first <= at && at < end;
    });
    const memfds = () => readdirSync('/proc/self/fd').filter((fd) => {
      try { return readlinkSync('/proc/self/fd/' + fd).includes('memfd:vfiolab'); } catch { return false; }
    }).length;
    const addressSpace = () => Number(/^VmSize:\\s+(\\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    // What a test forgets was made in a function of its own: a frame keeps its temporaries.
    /** Collects what nobody holds, and lets the finalizers run. */
    const collect = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 20)); } };
    ${body}`;
  return spawnSync(process.execPath, ['--expose-gc', ...flags, '--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

function huge(pageSize: number): { free: number; file: string } {
  const file = `/sys/kernel/mm/hugepages/hugepages-${pageSize / 1024}kB/free_hugepages`;
  try {
    return { free: Number(readFileSync(file, 'utf8')), file };
  } catch {
    return { free: 0, file };
  }
}

test('whole pages, page-aligned, zeroed', () => {
  for (const [asked, size] of [
    [1, 4096],
    [4096, 4096],
    [4097, 8192],
    [3 * MiB, 3 * MiB],
  ] as const) {
    const memory = new PageMemory(asked);
    assert.equal(memory.size, size);
    assert.equal(memory.bytes.length, size);
    assert.equal(memory.pageSize, 4096);
    assert.equal(memory.pointer % 4096n, 0n);
    assert.ok(memory.bytes.every((byte) => byte === 0));
    memory.bytes.fill(0xff);
    memory.release();
  }
  const again = new PageMemory(3 * MiB);
  assert.ok(again.bytes.every((byte) => byte === 0));
  again.release();
});

test('another thread that looks at the pointer sees the same bytes', async () => {
  const memory = new PageMemory(4096);
  const worker = new Worker(
    `import(${JSON.stringify(NATIVE)}).then(({ bytesAt }) => {
      const { at, size } = require('node:worker_threads').workerData;
      const bytes = bytesAt(at, size);
      bytes[1] = bytes[0] + 1;
    });`,
    { eval: true, workerData: { at: Number(memory.pointer), size: memory.size } },
  );
  memory.bytes[0] = 41;
  await new Promise((resolve) => worker.once('exit', resolve));
  assert.equal(memory.bytes[1], 42);
  memory.release();
});

test('after release old views read zeros and can be written, and releasing again does nothing', () => {
  const memory = new PageMemory(2 * 4096);
  const view = memory.bytes.subarray(4096, 4096 + 16);
  const words = new Uint32Array(memory.bytes.buffer);
  memory.bytes.fill(0xa5);
  assert.equal(memory.released, false);
  memory.release();
  assert.equal(memory.released, true);
  assert.ok(view.every((byte) => byte === 0));
  assert.equal(words[5], 0);
  view.fill(7);
  memory.release();
  assert.equal(memory.bytes[4096], 7, 'the second release touched nothing');
});

test('a released range is unmapped when the last view of it is collected, not before', () => {
  const child = run(`
    let view, at;
    (() => { const memory = new PageMemory(2 ** 20); at = memory.pointer; view = memory.bytes.subarray(4096, 8192); memory.release(); })();
    await collect();
    (() => console.log(mapped(at), view[0]))();
    view = undefined;
    await collect();
    console.log(mapped(at));`);
  assert.equal(child.stdout, 'true 0\nfalse\n', child.stderr);
});

test('one that was never released and is forgotten gives its pages and its fd back', () => {
  const child = run(`
    const at = (() => Array.from({ length: 16 }, () => new PageMemory(2 ** 20).pointer))();
    console.log(at.filter(mapped).length, memfds());
    await collect();
    console.log(at.filter(mapped).length, memfds());`);
  assert.equal(child.stdout, '16 16\n0 0\n', child.stderr);
});

test('5,000 buffers, one after the other, leave address space, fds and memory as they were', () => {
  const child = run(`
    const cycle = async (count) => {
      for (let i = 0; i < count; i++) {
        const memory = new PageMemory(64 * 4096);
        memory.bytes[4096] = i;
        memory.release();
        // The event loop runs the finalizers; a notebook gets there after every cell.
        if (i % 500 === 0) { gc(); await new Promise((resolve) => setImmediate(resolve)); }
      }
      await collect();
    };
    await cycle(1000);
    const before = addressSpace();
    await cycle(5000);
    // 1.3 GB went through; threads of node's own may add a little.
    console.log(addressSpace() - before < 256 * 2 ** 20, memfds());`);
  assert.equal(child.stdout, 'true 0\n', child.stderr);
});

test('more memory than there is: an error, and the process goes on', () => {
  assert.throws(
    () => new PageMemory(2 ** 46),
    (error) => error instanceof SystemError && error.errno === 'ENOMEM' && /MiB are available/.test(error.message),
  );
  new PageMemory(4096).release();
});

for (const pageSize of [2 * MiB, 1024 * MiB]) {
  test(`pages of ${pageSize / MiB} MiB, or an error that names the sysfs file and the command`, () => {
    const { free, file } = huge(pageSize);
    if (free > 0) {
      const memory = new PageMemory(1, pageSize);
      assert.equal(memory.size, pageSize);
      assert.equal(memory.pointer % BigInt(pageSize), 0n);
      memory.bytes[pageSize - 1] = 1;
      assert.equal(huge(pageSize).free, free - 1);
      memory.release();
      assert.equal(memory.bytes[pageSize - 1], 0);
      assert.equal(huge(pageSize).free, free);
    }
    assert.throws(
      () => new PageMemory((free + 2) * pageSize, pageSize, '0000:03:00.0'),
      (error) => {
        assert.ok(error instanceof SystemError);
        assert.match(error.message, /^0000:03:00\.0\/dma: /);
        // A kernel without pages of this size has no such file.
        if (!/there is no/.test(error.message)) {
          assert.ok(
            error.reason.includes(`${free + 2} huge pages of ${pageSize / MiB} MiB are needed, ${file} says ${free}`),
          );
          assert.match(error.hint, /echo \d+ \| sudo tee \/sys\/\S+\/nr_hugepages$/);
        }
        return true;
      },
    );
  });
}

test('what is mapped, or was allocated for it, cannot be moved to another buffer or thread', () => {
  const allocated = new PageMemory(4096).bytes;
  const plain = new Uint8Array(new ArrayBuffer(1 << 20));
  const begin = 4096 - (addressOf(plain) % 4096);
  const own = plain.subarray(begin, begin + 4096);
  const borrowed = new BorrowedMemory(own);
  for (const bytes of [allocated, own]) {
    bytes[0] = 42;
    try {
      structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] });
    } catch (error) {
      assert.equal((error as Error).name, 'DataCloneError');
    }
    const { transfer } = bytes.buffer as { transfer?: () => ArrayBuffer };
    if (transfer !== undefined) assert.throws(() => transfer.call(bytes.buffer), UsageError);
    assert.deepEqual([bytes.length, bytes[0]], [4096, 42]);
    assert.equal(structuredClone(bytes)[0], 42, 'a copy is free to go');
  }
  borrowed.release();
});

test("the caller's memory is kept from the collector while it is mapped, and let go afterwards", () => {
  const child = run(`
    const { BorrowedMemory } = await import(${JSON.stringify(MEMORY)});
    let borrowed, at;
    (() => { const memory = new PageMemory(8192).bytes; memory[4096] = 7; borrowed = new BorrowedMemory(memory.subarray(4096)); at = borrowed.pointer; })();
    await collect();
    (() => console.log(mapped(at), borrowed.bytes[0], memfds()))();
    borrowed.release();
    await collect();
    console.log(mapped(at), borrowed.bytes.length, memfds());`);
  assert.equal(child.stdout, 'true 7 1\nfalse 0 0\n', child.stderr);
});

test('memory that can be resized is not taken', () => {
  const Resizable = ArrayBuffer as unknown as new (size: number, options: { maxByteLength: number }) => ArrayBuffer;
  const buffer = new Resizable(8192, { maxByteLength: 16384 });
  assert.throws(() => new BorrowedMemory(new Uint8Array(buffer, 0, 4096)), /can be resized/);
});
