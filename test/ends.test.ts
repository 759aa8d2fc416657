/**
 * A thread that watches fds may be ended at any moment, also while one is readable and inside its callback: the process lives on,
 * or ends as it meant to. What happens while a thread's loop ends is Node's affair: `node-22 --test dist/test/ends.test.js` tries another.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';

const NATIVE = new URL('../lib/native.js', import.meta.url).href;
const LIBRARY = new URL('../lib/index.js', import.meta.url).href;

/** What a worker does, that is ended once it has counted `turn`. Its main thread loads nothing of the library. */
const RESTS = 'watch(quiet, () => {}); reached();';
const READABLE = 'watch(ready, () => reached());';
const EXITS = 'watch(ready, () => { reached(); setImmediate(() => process.exit(3)); });';
const THROWS = 'watch(ready, () => { reached(); setImmediate(() => { throw 0; }); });';
const BUSY = 'watch(ready, () => { reached(); for (;;); });';
const OPENS = 'reached(); for (;;) watch(quiet, () => {}).close();';
const VIEWS = 'const at = libc().mmap(0, 4096, 3, 0x22, -1, 0); reached(); for (;;) bytesAt(at, 4096);';
const AWAITS = `
  const { open } = await import(${JSON.stringify(LIBRARY)});
  const [irq] = open('sim:edu').enableIrqs('msi');
  setInterval(() => irq.trigger(), 1);
  for await (const count of irq.events()) reached();`;
/** By which exit code a worker that was terminated, or threw, is known. */
const TERMINATED = 1;

/** How the worker ends, and what its exit code is then. */
const ENDINGS = [
  { name: 'terminated, nothing to read', worker: RESTS, main: 'worker.terminate()', exits: TERMINATED },
  { name: 'terminated, readable', worker: READABLE, main: 'worker.terminate()', exits: TERMINATED },
  { name: 'terminated, in a callback', worker: BUSY, main: 'worker.terminate()', exits: TERMINATED },
  { name: 'terminated, as it opens and closes', worker: OPENS, main: 'worker.terminate()', exits: TERMINATED },
  { name: 'terminated, as it looks at memory', worker: VIEWS, main: 'worker.terminate()', exits: TERMINATED },
  { name: 'terminated, awaits an interrupt', worker: AWAITS, main: 'worker.terminate()', exits: TERMINATED },
  { name: 'exits, readable', worker: EXITS, main: '', exits: 3 },
  { name: 'throws, readable', worker: THROWS, main: '', exits: TERMINATED },
] as const;

const WORKERS = 3;

/** The exit codes of `WORKERS` workers; `main` is done to each when it is where it was to come. */
const program = (worker: string, main: string): string => `
  import { Worker } from 'node:worker_threads';
  const BODY = ${JSON.stringify(`
    const turn = require('node:worker_threads').workerData;
    const reached = () => { Atomics.store(turn, 0, 1); Atomics.notify(turn, 0); };
    import(${JSON.stringify(NATIVE)}).then(async ({ bytesAt, libc, watch }) => {
      const [ready, quiet] = [libc().eventfd(), libc().eventfd()];
      libc().write(ready, new Uint8Array(BigUint64Array.of(1n).buffer), 8);
      setInterval(() => {}, 1000);
      ${worker}
    });`)};
  for (let i = 0; i < ${WORKERS}; i++) {
    const turn = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(BODY, { eval: true, execArgv: [], workerData: turn });
    worker.on('error', () => {});
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const { value } = Atomics.waitAsync(turn, 0, 0);
    const alive = setInterval(() => {}, 1000);
    await value;
    clearInterval(alive);
    ${main};
    console.log(await exited);
  }`;

/** A program in a process of its own: its exit code, and what it printed. */
async function ends(body: string, code: number, printed: string): Promise<void> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', body], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  assert.deepEqual({ exit, stdout }, { exit: [code, null], stdout: printed }, stderr);
}

for (const { name, worker, main, exits } of ENDINGS) {
  test(`a worker ends: ${name}`, () => ends(program(worker, main), 0, `${exits}\n`.repeat(WORKERS)));
}

test("the process exits while a worker's fd is readable", () => ends(program(READABLE, 'process.exit(7)'), 7, ''));

test("V8 terminates a callback, as an interrupted cell's: the next one comes", () =>
  ends(
    `import { Worker } from 'node:worker_threads';
    import { libc, watch } from ${JSON.stringify(NATIVE)};
    const fd = libc().eventfd();
    const turn = new Int32Array(new SharedArrayBuffer(4));
    process.on('uncaughtException', (error) => console.log('uncaught', error));
    let calls = 0;
    watch(fd, () => {
      if (++calls === 2) process.exit(7);
      Atomics.store(turn, 0, 1);
      Atomics.notify(turn, 0);
      for (;;);
    });
    const worker = new Worker(${JSON.stringify(`
      const { Session } = require('node:inspector');
      const session = new Session();
      session.connectToMainThread();
      Atomics.wait(require('node:worker_threads').workerData, 0, 0);
      session.post('Runtime.terminateExecution', () => {});
      setInterval(() => {}, 1000);`)}, { eval: true, execArgv: [], workerData: turn });
    worker.once('online', () => libc().write(fd, new Uint8Array(BigUint64Array.of(1n).buffer), 8));`,
    7,
    '',
  ));
