/**
 * A kernel process: `node main.js CONNECTION_FILE`. This thread runs cells and owns devices; io.ts owns the sockets and
 * answers while a cell runs; compiler.ts holds TypeScript. Both start at once, so that neither waits for the other.
 */
import { MessageChannel, Worker } from 'node:worker_threads';
import { Asker } from './ask.js';
import { type Connection, readConnection } from './connection.js';
import { log } from './log.js';
import { type CompilerData, type IoData, SHARED_BYTES, type ToMain } from './threads.js';

/** Cells get another one (run.ts). */
const exit: (code?: number) => never = process.exit.bind(process);
const file = process.argv[2];
function connectionOf(path: string | undefined): Connection {
  try {
    if (path === undefined) throw new Error('usage: main.js CONNECTION_FILE');
    return readConnection(path);
  } catch (error) {
    log((error as Error).message);
    return exit(2);
  }
}

/** V8 would let garbage lie in memory that nobody needs again, in each thread. Megabytes. */
const YOUNG = { io: 8, compiler: 16 } as const;

const shared = new SharedArrayBuffer(SHARED_BYTES);
const ports = new MessageChannel();
const cards = new MessageChannel();
const ioData: IoData = {
  connection: connectionOf(file),
  shared,
  compiler: ports.port1,
  cards: cards.port1,
  parent: Number(process.env.VFIOLAB_PARENT ?? process.ppid),
  historian: process.env.VFIOLAB_PARENT === undefined,
};
// A kernel that a cell's child starts has another parent.
delete process.env.VFIOLAB_PARENT;
const io = new Worker(new URL('io.js', import.meta.url), {
  workerData: ioData,
  resourceLimits: { maxYoungGenerationSizeMb: YOUNG.io },
  transferList: [ports.port1, cards.port1],
});
const compilerData: CompilerData = { cwd: process.cwd(), io: ports.port2 };
const compiler = new Worker(new URL('compiler.js', import.meta.url), {
  workerData: compilerData,
  resourceLimits: { maxYoungGenerationSizeMb: YOUNG.compiler },
  transferList: [ports.port2],
});
const asker = new Asker(compiler);
compiler.on('error', (error) => {
  log(`the compiler thread failed: ${error.message}`);
  asker.fail(new Error(`no cell can run, the compiler thread failed: ${error.message}; restart the kernel`));
});

// The library and the session have time until TypeScript is loaded; io is waited for.
const listening = new Promise((resolve) => io.once('message', resolve));
const ready = listening
  .then(() => import('./run.js'))
  .then(({ start }) => start({ io, asker, cards: cards.port2, shared: new Int32Array(shared) }));
io.on('message', (message: ToMain) => void ready.then((run) => run(message)));
io.on('error', (error) => {
  log(`the io thread failed: ${error.stack ?? error.message}`);
  process.exitCode = 1;
});
// The sockets are closed then: nothing holds a reader back.
io.on('exit', () => exit());
