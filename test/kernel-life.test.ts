/** How a kernel starts, queues, and ends: in order, killed, left alone, without its compiler. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { KernelClient, type Output, type StartOptions } from '../kernel/client.js';
import { Bench, lives, until } from './kernel-bench.js';

const benches: Bench[] = [];
async function start(options: StartOptions = {}): Promise<Bench> {
  const bench = await Bench.start(options);
  benches.push(bench);
  return bench;
}
// A test that failed half-way must not leave a kernel behind.
after(() => Promise.all(benches.map((bench) => bench.end())));

const CLIENT = new URL('../kernel/client.js', import.meta.url).href;

describe('a kernel process', { timeout: 300_000 }, () => {
  test('its folder is private, its stdin empty, its session its own; all is gone after it, and what others that died left', async () => {
    const stale = path.join(tmpdir(), 'vfiolab-4194999-stale');
    mkdirSync(stale, { recursive: true });
    writeFileSync(path.join(stale, 'log'), '');
    const bench = await start();
    assert.equal(existsSync(stale), false);
    const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(`vfiolab-${process.pid}-`));
    const folder = path.join(tmpdir(), folders[0] ?? '');
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.equal(statSync(path.join(folder, 'connection.json')).mode & 0o777, 0o600);
    const { pid } = bench.kernel;
    assert.equal(readlinkSync(`/proc/${pid}/fd/0`), '/dev/null');
    const [, , , , , session] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/\(.*\)/, 'x')
      .split(' ');
    assert.equal(Number(session), pid);
    await bench.run("const card = open('sim:edu')");
    await bench.end();
    assert.deepEqual(await bench.kernel.died, { code: 0, signal: null, words: '' });
    assert.equal(existsSync(folder), false);
    await assert.rejects(bench.kernel.complete('x', 1), /has ended/);
  });

  test("what Node says when it aborts is in the death's words, whoever was to read it", async () => {
    // Written natively, as Node does it; the wait gives io the time to take the first one.
    for (const wait of [0, 300]) {
      const bench = await start();
      await bench.run('1');
      await bench
        .run(`const { _rawDebug } = process as unknown as { _rawDebug(text: string): void };
        _rawDebug('FATAL ERROR: the reason'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${wait});
        _rawDebug(' 1: 0x1 frame\\n'.repeat(300)); process.abort()`)
        .catch(() => {});
      const { signal, words } = await bench.kernel.died;
      assert.equal(signal, 'SIGABRT');
      assert.match(words, /^FATAL ERROR: the reason\n 1: 0x1 frame/);
    }
  });

  const root = process.getuid?.() === 0 ? {} : { skip: 'needs root, to mount a small tmpfs' };
  test('on a full disk a cell is told, the kernel starts there and goes on', root, async () => {
    const small = mkdtempSync(path.join(tmpdir(), 'full-'));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small], { encoding: 'utf8' });
    assert.equal(mounted.status, 0, mounted.stderr);
    try {
      writeFileSync(path.join(small, 'rest'), '');
      assert.throws(() => writeFileSync(path.join(small, 'rest'), Buffer.alloc(1 << 20)), /ENOSPC/);
      // Its caches, its temporary files and its folder are there.
      const env = { XDG_CACHE_HOME: small, XDG_STATE_HOME: small, NODE_COMPILE_CACHE: small, TMPDIR: small };
      const bench = await start({ cwd: small, env });
      await bench.run("import { writeFileSync } from 'node:fs'; const dev = open('sim:edu')");
      const { reply } = await bench.run("writeFileSync('more', Buffer.alloc(1 << 20))");
      assert.match(reply.evalue ?? '', /ENOSPC/);
      const timer = "setTimeout(() => writeFileSync('more', Buffer.alloc(1 << 20)), 1)";
      // Long enough that what V8 compiled is to be stored meanwhile.
      const later = await bench.run(`${timer}; await new Promise((r) => setTimeout(r, 4000)); dev.closed`);
      assert.match(later.stderr, /Uncaught: Error: ENOSPC/);
      assert.equal(later.result, 'false');
      assert.equal((await bench.run("console.log('on')")).stdout, 'on\n');
      assert.deepEqual(
        readdirSync(path.join(small, 'vfiolab')).filter((name) => name.startsWith('typescript')),
        [],
      );
      await bench.end();
    } finally {
      spawnSync('umount', ['-l', small]);
      rmdirSync(small);
    }
  });

  test('it ends within 3 s after its parent is killed, even in an endless loop', async () => {
    for (const code of ['1', 'while (true) {}']) {
      const script = `const { KernelClient } = await import(${JSON.stringify(CLIENT)});
        const kernel = await KernelClient.start(); console.log(kernel.pid);
        kernel.execute(${JSON.stringify(`console.log('go'); ${code}`)}, { onOutput: () => console.log('go') });`;
      const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      parent.stdout.on('data', (text) => {
        said += text;
      });
      await until(() => said.includes('go'), 'the cell runs', 60_000);
      const pid = Number.parseInt(said, 10);
      assert.equal(lives(pid), true);
      parent.kill('SIGKILL');
      await until(() => !lives(pid), `the kernel ends (${code})`, 10_000);
    }
  });

  test("killed with a cell's child still alive, it leaves no fd of the card behind; a request under way is refused", async () => {
    const bench = await start();
    const cell = `import { spawn, spawnSync } from 'node:child_process';
      const card = open('sim:edu'); card.busMaster(true);
      const [irq] = card.enableIrqs('msi'); const buffer = card.dma(4096);
      const child = spawn('sleep', ['300'], { stdio: 'ignore', detached: true });
      console.log(child.pid)`;
    const { stdout, reply } = await bench.run(cell);
    assert.equal(reply.status, 'ok', reply.evalue);
    const child = Number(stdout);
    try {
      // What whoever started these tests passed on is not the kernel's.
      const passedOn = new Set(links('self'));
      assert.deepEqual(
        links(child).filter((link) => !passedOn.has(link) && link !== '/dev/null'),
        [],
      );
      const running = bench.run("console.log('runs'); await new Promise(() => {})", {
        onOutput: () => process.kill(bench.kernel.pid, 'SIGKILL'),
      });
      await assert.rejects(running, /the kernel process ended, SIGKILL/);
      assert.equal((await bench.kernel.died).signal, 'SIGKILL');
      assert.equal(lives(child), true);
    } finally {
      process.kill(child, 'SIGKILL');
    }
  });

  test('without tslab no cell runs, and the kernel says so', async () => {
    const bench = await start({ env: { NODE_OPTIONS: `--require ${without('tslab')}` } });
    const { reply, outputs } = await bench.run('1 + 1');
    assert.equal(reply.status, 'error');
    assert.match(reply.evalue ?? '', /no cell can run: .*tslab/);
    assert.equal(
      outputs.some(({ type }) => type === 'result'),
      false,
    );
    await assert.rejects(async () => {
      const { matches } = await bench.kernel.complete('Math.fl', 7);
      assert.notEqual(matches.length, 0, 'no completion either');
    });
    await bench.end();
  });

  test('a kernel that cannot start says why', async () => {
    const env = { NODE_OPTIONS: '--require /no/such/module' };
    await assert.rejects(KernelClient.start({ env }), /the kernel did not start, exit 1: .*\/no\/such\/module/s);
    await assert.rejects(KernelClient.start({ cwd: '/no/such/folder' }), /could not be started in \/no\/such\/folder/);
  });

  test('a connection file that is none is refused in one line', () => {
    const main = fileURLToPath(new URL('../kernel/main.js', import.meta.url));
    const file = path.join(tmpdir(), 'vfiolab-connection.json');
    const rows: [content: string, message: RegExp][] = [
      ['', /^vfiolab kernel: .*JSON/],
      ['null', /no JSON object/],
      ['{"key":"secret"', /^(?!.*secret).*no JSON object/],
      ['{}', /a port is missing/],
      ['{"shell_port":1,"iopub_port":2,"stdin_port":3,"control_port":4,"hb_port":5,"transport":"udp"}', /'udp'/],
    ];
    for (const [content, message] of rows) {
      writeFileSync(file, content);
      const { status, stderr } = spawnSync(process.execPath, [main, file], { encoding: 'utf8' });
      assert.equal(status, 2);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
    }
    assert.match(spawnSync(process.execPath, [main, '/no/file'], { encoding: 'utf8' }).stderr, /ENOENT.*\/no\/file/);
  });
});

describe('a kernel that goes on', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await start();
  });

  test('cells asked for while one fails are aborted; later ones run', async () => {
    const [first, second, third] = await Promise.all([
      bench.run("await new Promise((r) => setTimeout(r, 50)); throw new Error('stop')"),
      bench.run("console.log('never')"),
      bench.run("console.log('never')"),
    ]);
    assert.equal(first.reply.status, 'error');
    assert.deepEqual([second.reply.status, third.reply.status], ['aborted', 'aborted']);
    assert.deepEqual(second.outputs, []);
    assert.equal((await bench.run('1')).result, '1');
  });

  test('process.exit in a cell, and in a timer of it, is an error there; the kernel goes on', async () => {
    await bench.run('const stays = 1');
    const { reply } = await bench.run('process.exit(3)');
    assert.match(reply.evalue ?? '', /process.exit\(3\) in a cell: the kernel goes on/);
    const timer = await bench.run(
      'setTimeout(() => process.exit(3), 1); await new Promise((r) => setTimeout(r, 50)); stays',
    );
    assert.match(timer.stderr, /Uncaught: Error: process.exit\(3\)/);
    assert.equal(timer.result, '1');
  });

  test('a worker that dies is told where it was started, also in a later cell; the kernel goes on', async () => {
    await bench.run("import { Worker } from 'node:worker_threads'; import { once } from 'node:events'; const kept = 1");
    const dying: [worker: string, told: string][] = [
      ["once('message', () => { throw new Error('lost') })", 'A worker died: Error: lost\n'],
      ["once('message', () => process.exit(3))", 'A worker ended, exit 3\n'],
    ];
    for (const [body, told] of dying) {
      const code = `require('node:worker_threads').parentPort.${body}`;
      let first = '';
      const onOutput = (output: Output): void => {
        if (output.type === 'stream' && output.name === 'stderr') first += output.text;
      };
      await bench.run(`const worker = new Worker(${JSON.stringify(code)}, { eval: true })`, { onOutput });
      const later = await bench.run('worker.postMessage(0); await new Promise((r) => setTimeout(r, 1)); kept');
      assert.equal(later.result, '1');
      await until(() => first !== '', 'the cell that started it is told');
      assert.equal(first, told);
      assert.equal(later.stderr, '');
      const heard = await bench.run(
        `const own = new Worker(${JSON.stringify(code)}, { eval: true }); own.postMessage(0); await once(own, 'exit')`,
      );
      assert.equal(heard.stderr, '', 'a cell that listens is told once');
    }
    assert.equal((await bench.run('kept')).result, '1');
  });

  test('an endless loop does not keep it from ending', async () => {
    let ended: Promise<void> | undefined;
    const onOutput = (): void => {
      ended = bench.end();
    };
    await bench.run("console.log('go'); while (true) {}", { onOutput }).catch(() => {});
    await ended;
    assert.equal(lives(bench.kernel.pid), false);
  });
});

/** What a process has open. */
function links(pid: number | 'self'): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // the one that lists them
    }
  });
}

/** A module that, required first, takes a package away. */
function without(name: string): string {
  const file = path.join(tmpdir(), `without-${name}.cjs`);
  writeFileSync(
    file,
    `const Module = require('node:module'); const resolve = Module._resolveFilename;
     Module._resolveFilename = function (id, ...rest) {
       if (id === '${name}' || id.startsWith('${name}/')) throw new Error("Cannot find package '${name}'");
       return resolve.call(this, id, ...rest);
     };`,
  );
  return pathToFileURL(file).pathname;
}
