/** The thread that a simulated card is: that it starts anywhere, idles for nothing, ends with the card, and that its death is told. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { REGION } from '../lib/backend.js';
import { openSim, SimBackend } from '../lib/backends/sim.js';
import { Link } from '../lib/sim/link.js';

const run = promisify(execFile);
const SIM = pathToFileURL(join(import.meta.dirname, '..', 'lib', 'backends', 'sim.js')).href;
/** A script that opens a card and reads its identity. */
const OPEN = `const { openSim } = await import(${JSON.stringify(SIM)}); const card = openSim('edu'); const id = card.read(0, 0, 32);`;

const threads = (): number => readdirSync('/proc/self/task').length;
const fds = (): number => readdirSync('/proc/self/fd').length;

/** Waits until `done`, at most 20 seconds. */
async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !done(); i++) await sleep(50);
}

test('a card left open does not keep the process alive', { timeout: 60_000 }, async () => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', `${OPEN} console.log(id)`]);
  assert.equal(stdout, '16777453\n');
});

test('process.exit and an exception end the process with a card open', { timeout: 60_000 }, async () => {
  await assert.rejects(run(process.execPath, ['--input-type=module', '-e', `${OPEN} process.exit(3)`]), { code: 3 });
  await assert.rejects(run(process.execPath, ['--input-type=module', '-e', `${OPEN} throw new Error('x')`]), {
    code: 1,
  });
});

test('a card opens inside another worker, which can end with it open', { timeout: 60_000 }, async () => {
  const script = `import('node:worker_threads').then(async ({ parentPort }) => { ${OPEN} parentPort.postMessage(id); })`;
  const worker = new Worker(script, { eval: true });
  const [id, code] = await Promise.all([
    new Promise((resolve) => worker.once('message', resolve)),
    new Promise((resolve) => worker.once('exit', resolve)),
  ]);
  assert.equal(id, 0x0100_00ed);
  assert.equal(code, 0);
});

test('a thread that is gone is a SystemError at every call, never a hang; close() goes on', {
  timeout: 60_000,
}, async () => {
  const link = new Link('sim:edu');
  const card = new SimBackend('sim:edu', link);
  const memory = card.dmaAlloc(4096, 4096);
  assert.equal(card.read(REGION.BAR0, 0, 32), 0x0100_00ed);
  await link.kill();
  const verbs = [
    () => card.read(REGION.BAR0, 0, 32),
    () => card.write(REGION.CONFIG, 4, 16, 0),
    () => card.readBlock(REGION.BAR0, 0, 32, new Uint8Array(8)),
    () => card.dmaMap(memory, 0n, { read: true, write: true }),
    () => card.dmaUnmap(0n, 4096),
    () => card.setIrqs(0, 'trigger', 0, { none: 0 }),
    () => card.reset(),
  ];
  for (const verb of verbs)
    assert.throws(verb, { name: 'SystemError', message: /the thread of the simulated card is gone/ });
  card.close();
});

test('a thread that dies under a call says why', { timeout: 60_000 }, () => {
  const link = new Link('sim:edu');
  const card = new SimBackend('sim:edu', link);
  link.ready('test').numbers.set([REGION.CONFIG, 0, 7]);
  // A request that no backend makes.
  assert.throws(
    () => link.request(99 as never, 'test'),
    (error: Error) => {
      assert.equal(error.name, 'SystemError');
      assert.match(String(error.cause), /TypeError/);
      return true;
    },
  );
  assert.throws(() => card.read(REGION.BAR0, 0, 32), { name: 'SystemError' });
  card.close();
});

test('an idle card uses no processor', { timeout: 60_000 }, async () => {
  const card = openSim('edu');
  card.read(REGION.BAR0, 0, 32);
  await sleep(200);
  const before = process.cpuUsage();
  await sleep(1000);
  const { user, system } = process.cpuUsage(before);
  card.close();
  assert.ok(user + system < 50_000, `${(user + system) / 1000} ms in a second`);
});

test('open and close, again and again, leaves no thread, no fd and no memory behind', {
  timeout: 300_000,
}, async () => {
  const cycle = (): void => {
    const card = openSim('edu');
    const eventfd = card.eventfd();
    const memory = card.dmaAlloc(4096, 4096);
    card.dmaMap(memory, 0n, { read: true, write: true });
    card.setIrqs(1, 'trigger', 0, { eventfds: [eventfd] });
    card.close();
    eventfd.close();
    memory.release();
  };
  for (let i = 0; i < 20; i++) cycle();
  await until(() => threads() <= before.threads);
  const start = { threads: threads(), fds: fds(), rss: process.memoryUsage.rss() };
  for (let i = 0; i < 100; i++) {
    cycle();
    await sleep(0);
  }
  await until(() => threads() <= start.threads && fds() <= start.fds);
  assert.ok(threads() <= start.threads, `${threads()} threads, ${start.threads} before`);
  assert.ok(fds() <= start.fds, `${fds()} fds, ${start.fds} before`);
  const grown = (process.memoryUsage.rss() - start.rss) / 2 ** 20;
  assert.ok(grown < 64, `${grown.toFixed()} MiB more`);
});

test('a card closed before it started ends too', { timeout: 60_000 }, async () => {
  const before = threads();
  for (let i = 0; i < 5; i++) openSim('edu').close();
  await until(() => threads() <= before);
  assert.ok(threads() <= before);
});

/** Before anything was opened. */
const before = { threads: threads() };
