/** Eventfds: nothing that was added is lost, readiness comes through the event loop, and nothing keeps the process alive. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { KernelEventfd } from '../lib/backends/eventfd.js';

const EVENTFD = new URL('../lib/backends/eventfd.js', import.meta.url).href;
const NATIVE = new URL('../lib/native.js', import.meta.url).href;

/** A program in a process of its own, that must end by itself. */
function run(body: string, ...as: string[]) {
  const program = `import { KernelEventfd } from ${JSON.stringify(EVENTFD)};
    const eventfd = new KernelEventfd();
    ${body}`;
  const node = as.includes(process.execPath) ? [] : [process.execPath];
  const [command = '', ...rest] = [...as, ...node, '--input-type=module', '-e', program];
  return spawnSync(command, rest, { encoding: 'utf8', timeout: 30_000 });
}

test('drain takes all that was added, once', () => {
  const eventfd = new KernelEventfd();
  assert.equal(eventfd.drain(), 0);
  eventfd.signal();
  eventfd.signal(41);
  assert.equal(eventfd.drain(), 42);
  assert.equal(eventfd.drain(), 0);
  eventfd.close();
});

test('onReady calls back while there is something, stops when told, and goes on when asked again', async () => {
  const eventfd = new KernelEventfd();
  const counts: number[] = [];
  const next = () =>
    new Promise<void>((resolve) =>
      eventfd.onReady(() => {
        counts.push(eventfd.drain());
        resolve();
      }),
    );
  eventfd.ref();
  let ready = next();
  eventfd.signal(3);
  await ready;
  ready = next();
  eventfd.signal(4);
  await ready;
  eventfd.onReady(undefined);
  eventfd.signal(5);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(counts, [3, 4]);
  await next();
  assert.deepEqual(counts, [3, 4, 5]);
  eventfd.close();
});

test('a promise that the callback resolves is continued at once, with nothing else in the loop', async () => {
  const eventfd = new KernelEventfd();
  eventfd.ref();
  // A thread that sends no message: the eventfd is all that wakes this one.
  const turn = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `import(${JSON.stringify(NATIVE)}).then(({ libc }) => {
      const { fd, turn } = require('node:worker_threads').workerData;
      const one = new Uint8Array(new ArrayBuffer(8));
      one[0] = 1;
      for (let i = 0; i < 20; i++) {
        Atomics.wait(turn, 0, i);
        libc().write(fd, one, 8);
      }
    });`,
    { eval: true, workerData: { fd: eventfd.fd, turn } },
  );
  for (let i = 0; i < 20; i++) {
    const calledBack = new Promise<number>((resolve) => {
      eventfd.onReady(() => {
        eventfd.drain();
        resolve(performance.now());
      });
    });
    Atomics.add(turn, 0, 1);
    Atomics.notify(turn, 0);
    const at = await calledBack;
    assert.ok(performance.now() - at < 5000);
  }
  await worker.terminate();
  eventfd.close();
});

test('a flood from another thread: no count is lost', async () => {
  const eventfds = Array.from({ length: 32 }, () => new KernelEventfd());
  const totals = eventfds.map(() => 0);
  const ROUNDS = 2000;
  const worker = new Worker(
    `import(${JSON.stringify(NATIVE)}).then(({ libc }) => {
      const { fds, rounds } = require('node:worker_threads').workerData;
      const one = new Uint8Array(new ArrayBuffer(8));
      one[0] = 1;
      for (let i = 0; i < rounds; i++) for (const fd of fds) libc().write(fd, one, 8);
    });`,
    { eval: true, workerData: { fds: eventfds.map(({ fd }) => fd), rounds: ROUNDS } },
  );
  await new Promise<void>((resolve) => {
    let left = ROUNDS * eventfds.length;
    eventfds.forEach((eventfd, i) => {
      eventfd.ref();
      eventfd.onReady(() => {
        const count = eventfd.drain();
        totals[i] = (totals[i] ?? 0) + count;
        left -= count;
        if (left === 0) resolve();
      });
    });
  });
  assert.deepEqual(new Set(totals), new Set([ROUNDS]));
  for (const eventfd of eventfds) eventfd.close();
  await worker.terminate();
});

test('a watch keeps the process alive only after ref(), and no longer after unref()', () => {
  assert.equal(run('eventfd.onReady(() => {});').status, 0);
  assert.equal(run('eventfd.ref(); eventfd.onReady(() => {}); eventfd.unref();').status, 0);
  assert.equal(run('eventfd.onReady(() => {}); eventfd.ref(); setTimeout(() => eventfd.close(), 10);').status, 0);
  const alive = run(
    'eventfd.onReady(() => {}); eventfd.ref(); setTimeout(() => { console.log("still here"); process.exit(7); }, 300).unref();',
  );
  assert.equal(alive.stdout, 'still here\n');
  assert.equal(alive.status, 7);
});

test('a watch that is on is never collected', () => {
  const child = run(
    `
    (() => { const other = new KernelEventfd(); other.ref(); other.onReady(() => { console.log(other.drain()); other.close(); }); globalThis.fd = other.fd; })();
    setTimeout(async () => {
      gc();
      const { libc } = await import(${JSON.stringify(NATIVE)});
      libc().write(fd, Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0), 8);
    }, 10);`,
    process.execPath,
    '--expose-gc',
  );
  assert.equal(child.stdout, '9\n', child.stderr);
});

test('what a callback throws is an uncaught exception, as of any other event', () => {
  const child = run(`
    process.on('uncaughtException', (error) => { console.log(error.message); eventfd.close(); });
    eventfd.ref();
    eventfd.onReady(() => { eventfd.drain(); throw new Error('from the callback'); });
    eventfd.signal();`);
  assert.equal(child.stdout, 'from the callback\n');
  assert.equal(child.status, 0);
});

test('closing: from within the callback, twice, and then nothing works and nothing breaks', async () => {
  const eventfd = new KernelEventfd();
  const path = `/proc/self/fd/${eventfd.fd}`;
  assert.match(readlinkSync(path), /eventfd/);
  eventfd.ref();
  await new Promise<void>((resolve) => {
    eventfd.onReady(() => {
      eventfd.close();
      resolve();
    });
    eventfd.signal();
  });
  eventfd.close();
  assert.throws(() => readlinkSync(path));
  // Another file may have its number by now.
  const other = new KernelEventfd();
  assert.equal(other.fd, eventfd.fd);
  eventfd.signal();
  assert.equal(eventfd.drain(), 0);
  eventfd.onReady(() => assert.fail('closed'));
  eventfd.ref();
  eventfd.unref();
  assert.equal(other.drain(), 0);
  other.close();
});

test('no fds left: an error that says so', () => {
  const child = run(
    `try { for (;;) new KernelEventfd(); } catch (error) { console.log(error.name, error.message); }`,
    'prlimit',
    '--nofile=64:64',
  );
  assert.equal(
    child.stdout,
    'SystemError eventfd: eventfd: the kernel gave no eventfd (EMFILE); raise the limit of open files: ulimit -n\n',
  );
});
