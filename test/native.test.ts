/** The guarded accesses of mmio.so: exact widths, faults as results, and every other fault left as it was. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { errnoName, libc, MAP_ANONYMOUS, MAP_PRIVATE, PAGE } from '../lib/native.js';
import { built, faultAll, halfMapping, read, WIDTHS, write } from './faults.js';

const NATIVE = new URL('../lib/native.js', import.meta.url).href;
const FAULTS = new URL('./faults.js', import.meta.url).href;

/** A program in a process of its own. */
function run(program: string, ...flags: string[]) {
  const child = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
}

test('every width reads and writes exactly its bytes', () => {
  const it = built();
  const { at, bytes, release } = halfMapping();
  bytes.set([0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88]);
  assert.equal(it.read8(at), 0xff);
  assert.equal(it.read16(at), 0xeeff);
  assert.equal(it.read32(at), 0xccddeeff);
  assert.equal(it.read64(at), 0x8899aabbccddeeffn);
  bytes.fill(0xff, 0, 8);
  assert.equal(it.read32(at), 0xffffffff, 'all ones is a value, not a fault');
  assert.equal(it.read64(at), 0xffffffffffffffffn);
  for (const width of WIDTHS) {
    bytes.fill(0xaa, 0, 32);
    const value = 0x8877665544332211n & ((1n << BigInt(width)) - 1n);
    assert.equal(write(it, width, at + 8, value), true);
    assert.equal(read(it, width, at + 8), value);
    assert.equal(bytes[7], 0xaa);
    assert.equal(bytes[8 + width / 8], 0xaa);
  }
  release();
});

test('an access is never wider and never split: proven at the edge of a page', () => {
  const it = built();
  const { at, bytes, release } = halfMapping();
  for (const width of WIDTHS) {
    const size = width / 8;
    const edge = at + PAGE - size;
    bytes.fill(0x5a, PAGE - 16);
    assert.notEqual(read(it, width, edge), undefined, `${width} bits end at the edge`);
    assert.equal(write(it, width, edge, 1n), true);
    if (size === 1) continue;
    bytes.fill(0x5a, PAGE - 16);
    assert.equal(read(it, width, edge + size / 2), undefined, `${width} bits cross the edge`);
    assert.equal(write(it, width, edge + size / 2, 0n), false);
    assert.ok(
      bytes.subarray(PAGE - 16).every((byte) => byte === 0x5a),
      'no half was written',
    );
  }
  release();
});

test('blocks: ascending, up to the fault, into bytes at any alignment', () => {
  const it = built();
  const { at, bytes, release } = halfMapping();
  bytes.forEach((_, i) => {
    bytes[i] = i % 251;
  });
  for (const width of WIDTHS) {
    const size = width / 8;
    const into = new Uint8Array(1 + 64).subarray(1);
    assert.equal(it.readBlock(at + 64, width, into), 64 / size);
    assert.deepEqual(into, bytes.slice(64, 128));
    // The last 32 bytes of the page are there, the rest faults.
    into.fill(0xee);
    assert.equal(it.readBlock(at + PAGE - 32, width, into), 32 / size);
    assert.deepEqual(into.subarray(0, 32), bytes.slice(PAGE - 32));
    assert.ok(into.subarray(32).every((byte) => byte === 0xee));
    const before = bytes.slice();
    assert.equal(it.writeBlock(at + PAGE - 32, width, new Uint8Array(64).fill(width)), 32 / size);
    assert.ok(bytes.subarray(PAGE - 32).every((byte) => byte === width));
    assert.deepEqual(bytes.slice(0, PAGE - 32), before.slice(0, PAGE - 32));
    bytes.set(before);
  }
  release();
});

test('10,000 faults in a row, every width, read and write and block, come back as results', () => {
  const { at, release } = halfMapping();
  assert.equal(faultAll(at + PAGE, 10_000), 10_000 * WIDTHS.length * 4);
  release();
});

test('10,000 faults in a row from a worker thread, while the main thread faults too', async () => {
  const worker = new Worker(new URL(FAULTS));
  const { at, release } = halfMapping();
  const message = once(worker, 'message');
  assert.equal(faultAll(at + PAGE, 1000), 1000 * WIDTHS.length * 4);
  assert.deepEqual(await message, [10_000 * WIDTHS.length * 4]);
  assert.deepEqual(await once(worker, 'exit'), [0]);
  // The thread and its copy of koffi are gone; the guard is not.
  assert.equal(faultAll(at + PAGE, 10), 10 * WIDTHS.length * 4);
  release();
});

test('a SIGSEGV of the access is a result too: memory that may not be touched', () => {
  const it = built();
  const at = libc().mmap(0, PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (const width of WIDTHS) {
    assert.equal(read(it, width, at), undefined);
    assert.equal(write(it, width, at, 0n), false);
  }
  libc().munmap(at, PAGE);
});

test('any other SIGBUS still kills the process', () => {
  const child = run(`
    import { halfMapping, faultAll } from ${JSON.stringify(FAULTS)};
    import { bytesAt, PAGE } from ${JSON.stringify(NATIVE)};
    const { at } = halfMapping();
    console.log(faultAll(at + PAGE, 1));
    console.log(bytesAt(at + PAGE, 1)[0]);
    console.log('survived');`);
  assert.equal(child.stdout, '16\n');
  assert.equal(child.signal, 'SIGBUS');
});

test('any other SIGSEGV still kills the process', () => {
  const child = run(`
    import { halfMapping, faultAll } from ${JSON.stringify(FAULTS)};
    import { bytesAt, libc, MAP_ANONYMOUS, MAP_PRIVATE, PAGE } from ${JSON.stringify(NATIVE)};
    const { at } = halfMapping();
    console.log(faultAll(at + PAGE, 1));
    console.log(bytesAt(libc().mmap(0, PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1)[0]);
    console.log('survived');`);
  assert.equal(child.stdout, '16\n');
  assert.equal(child.signal, 'SIGSEGV');
});

for (const signal of ['SIGBUS', 'SIGSEGV'] as const) {
  test(`a ${signal} that somebody sends still kills the process`, () => {
    const child = run(`
      import { mmio } from ${JSON.stringify(NATIVE)};
      console.log(mmio() !== undefined);
      process.kill(process.pid, '${signal}');
      setTimeout(() => console.log('survived'), 20_000);`);
    assert.equal(child.stdout, 'true\n');
    assert.equal(child.signal, signal);
  });
}

test('a trap of WebAssembly, which V8 takes from SIGSEGV, is still an exception', () => {
  // (module (memory 1) (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))
  const child = run(`
    import { halfMapping, faultAll } from ${JSON.stringify(FAULTS)};
    const code = Buffer.from('0061736d0100000001060160017f017f030201000503010001070801046c6f616400000a0901070020002802000b', 'hex');
    const { instance } = await WebAssembly.instantiate(code);
    const { at } = halfMapping();
    for (let i = 0; i < 1000; i++) {
      faultAll(at + 4096, 1);
      try {
        instance.exports.load(0x7ffffff0);
        console.log('no trap');
      } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      }
    }
    console.log(instance.exports.load(0), 'done');`);
  assert.equal(child.stderr, '');
  assert.equal(child.stdout, '0 done\n');
});

test('system calls return -errno, and errnoName names it', () => {
  const { open, close, ioctl } = libc();
  assert.equal(errnoName(-open('/nowhere/at/all', 0)), 'ENOENT');
  assert.equal(errnoName(-close(9999)), 'EBADF');
  const fd = open('/dev/null', 2);
  assert.equal(errnoName(-ioctl(fd, 0x3b64, 0)), 'ENOTTY');
  assert.equal(close(fd), 0);
  assert.equal(errnoName(524), 'errno 524');
});

test('what is opened here is closed in a child process', () => {
  const { open, memfd, eventfd, close } = libc();
  const fds = [open('/dev/null', 2), memfd('cloexec', 0), eventfd()];
  const seen = spawnSync('ls', ['-l', '/proc/self/fd'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).stdout;
  assert.doesNotMatch(seen, /memfd|eventfd|-> \/dev\/null\n.*-> \/dev\/null/);
  const mine = readdirSync('/proc/self/fd');
  for (const fd of fds) {
    assert.ok(mine.includes(String(fd)));
    close(fd);
  }
});

test('a process ends while an fd that it watches is readable', () => {
  const ended = run(`
    import { writeSync } from 'node:fs';
    import { libc, watch } from ${JSON.stringify(NATIVE)};
    const fd = libc().eventfd();
    watch(fd, () => {}).unref();
    writeSync(fd, new Uint8Array(BigUint64Array.of(1n).buffer));`);
  assert.equal(ended.signal, null, ended.stderr);
  assert.equal(ended.status, 0, ended.stderr);
});

test('without mmio.so and js.node the library loads, says what is missing, and watches', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfiolab-native-'));
  try {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    cpSync(join(root, 'dist', 'lib'), join(folder, 'dist', 'lib'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    const child = run(`
      import { libc, mmio, mmioMissing, errnoName, watch } from ${JSON.stringify(join(folder, 'dist', 'lib', 'native.js'))};
      console.log(mmio(), errnoName(-libc().close(9999)), /mmio\\.so/.test(mmioMissing()));
      const fd = libc().eventfd();
      const watched = watch(fd, () => { console.log('readable'); watched.close(); });
      libc().write(fd, new Uint8Array(BigUint64Array.of(1n).buffer), 8);`);
    assert.equal(child.stdout, 'undefined EBADF true\nreadable\n', child.stderr);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
