/** `vfiolab repl --existing`: the prompt as one more front end of a kernel that runs. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KernelClient, type OtherEvent } from '../kernel/client.js';
import { install } from '../kernel/kernelspec.js';
import { MAIN, NODE_FLAGS } from '../kernel/process.js';
import { connectionFiles, runtimeFolder } from '../kernel/running.js';
import { LineChild, PYTHON } from './bench/child.js';
import { until } from './kernel-bench.js';
import { needs } from './needs.js';
import { Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const FRONT_END = join(import.meta.dirname, '..', '..', 'test', 'front_end.py');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-existing-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;
/** An environment with a runtime folder of its own. */
function world(): { JUPYTER_RUNTIME_DIR: string; XDG_STATE_HOME: string; CI: string } {
  const own = join(folder, `world${serial++}`);
  mkdirSync(own);
  return { JUPYTER_RUNTIME_DIR: own, XDG_STATE_HOME: own, CI: 'true' };
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
};

/** A kernel that nobody of ours started, as Jupyter starts one. */
class Notebook {
  readonly file: string;
  readonly seen: OtherEvent[] = [];
  front!: KernelClient;
  #kernel: ChildProcess;

  static async open(where: string, transport: 'tcp' | 'ipc', name = 'kernel-1'): Promise<Notebook> {
    const file = join(where, `${name}.json`);
    const ports = await Promise.all(Array.from({ length: 5 }, (_, n) => (transport === 'tcp' ? freePort() : n + 1)));
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = ports;
    const ip = transport === 'tcp' ? '127.0.0.1' : join(where, `${name}-ipc`);
    const rest = {
      shell_port,
      iopub_port,
      stdin_port,
      control_port,
      hb_port,
      key: 'k',
      signature_scheme: 'hmac-sha256',
    };
    writeFileSync(file, JSON.stringify({ transport, ip, ...rest }));
    const notebook = new Notebook(file);
    await notebook.#ready();
    return notebook;
  }

  private constructor(file: string) {
    this.file = file;
    this.#kernel = this.#begin();
  }

  #begin(): ChildProcess {
    return spawn(process.execPath, [...NODE_FLAGS, MAIN, this.file], { stdio: 'ignore' });
  }

  async #ready(): Promise<void> {
    for (;;) {
      try {
        this.front = await KernelClient.join(this.file);
        break;
      } catch (error) {
        if (this.#kernel.exitCode !== null) throw error;
        await delay(50);
      }
    }
    this.front.follow((event) => this.seen.push(event));
  }

  /** Runs a cell; its number. */
  async run(code: string): Promise<number> {
    return (await this.front.execute(code, { onOutput: () => {} })).count;
  }

  kill(): void {
    this.#kernel.kill('SIGKILL');
  }

  async again(): Promise<void> {
    this.#kernel = this.#begin();
    await this.#ready();
  }

  get ended(): boolean {
    return this.#kernel.exitCode !== null || this.#kernel.signalCode !== null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.front.leave();
    this.kill();
    if (!this.ended) await once(this.#kernel, 'exit');
  }
}

const prompt = (env: Readonly<Record<string, string>>, ...words: string[]): Tmux =>
  new Tmux(
    `'${process.execPath}' '${CLI}' repl --existing ${words.join(' ')}; echo "left $?"; stty -a | grep -ow -- '-\\?icanon'; read end`,
    {
      columns: 80,
      env,
    },
  );

const script = (env: Readonly<Record<string, string>>, ...words: string[]) =>
  spawnSync(process.execPath, [CLI, 'repl', ...words], {
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

test('the connection files that a name may mean: the newest first', () => {
  const { JUPYTER_RUNTIME_DIR: runtime } = world();
  const before = { ...process.env };
  Object.assign(process.env, { JUPYTER_RUNTIME_DIR: runtime });
  try {
    assert.throws(() => connectionFiles(), /no kernel's connection file is there/);
    for (const [name, age] of [
      ['kernel-1a.json', 30],
      ['kernel-2b.json', 10],
      ['kernel-3a.json', 20],
      ['other.json', 1],
    ] as const) {
      writeFileSync(join(runtime, name), '{}');
      utimesSync(join(runtime, name), Date.now() / 1000 - age, Date.now() / 1000 - age);
    }
    const names = (name?: string) => connectionFiles(name).map((file) => file.slice(runtime.length + 1));
    assert.deepEqual(names(), ['kernel-2b.json', 'kernel-3a.json', 'kernel-1a.json']);
    assert.deepEqual(names('kernel-3a.json'), ['kernel-3a.json']);
    assert.deepEqual(names('a'), ['kernel-3a.json', 'kernel-1a.json']);
    assert.deepEqual(names('*-?a.json'), ['kernel-3a.json', 'kernel-1a.json']);
    Object.assign(process.env, { JUPYTER_RUNTIME_DIR: '', JUPYTER_DATA_DIR: '', XDG_DATA_HOME: '/x' });
    assert.equal(runtimeFolder(), '/x/jupyter/runtime');
  } finally {
    process.env = before;
  }
});

describe('a prompt joins a kernel', needs('tmux'), () => {
  test('over tcp: its variables and its card, cells of both, and it goes on', async () => {
    const env = world();
    await using notebook = await Notebook.open(env.JUPYTER_RUNTIME_DIR, 'tcp');
    await notebook.run("const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU); const mine = 6");
    using terminal = prompt(env);
    await terminal.until(/^Joined kernel-1\.json after 1 cell\. Ctrl-D leaves it running\.\n2>$/m);

    terminal.enter('mine * 7');
    await terminal.until(/^2> mine \* 7\n42 \(0x2a\)\n3>$/m);
    await until(() => notebook.seen.some((event) => event.type === 'output'), 'the cell is seen by the other');
    assert.deepEqual(
      notebook.seen.filter(({ type }) => type === 'input').map((event) => event.type === 'input' && event.code),
      ['mine * 7'],
    );

    assert.equal(await notebook.run("console.log('printed'); edu.ID.read()"), 3);
    const shown = await terminal.until(
      /^other 3> console\.log\('printed'\); edu\.ID\.read\(\)\nprinted\n(?:.*\n)+4>$/m,
    );
    // The View itself came, though the other front end asked for none.
    assert.match(shown, /\[15:0\] +MAGIC +0xed/);

    terminal.enter('mine + 1; throw new RangeError("as expected")');
    await terminal.until(/^RangeError: as expected(?:.*\n)+5>$/m);
    terminal.keys('C-d');
    await terminal.until(/^The kernel goes on, with its variables and its card\.\nleft 0\nicanon$/m);
    assert.equal(await notebook.run('dev.bar(0).read32(0)'), 5);
    assert.equal(notebook.ended, false);
  });

  test("over ipc, while it is busy with the other's cell: typing, completion, a cell that waits, Ctrl-C", async () => {
    const env = world();
    await using notebook = await Notebook.open(env.JUPYTER_RUNTIME_DIR, 'ipc');
    await notebook.run('const registers = 5');
    const stuck = notebook.run('console.log("begun"); for (;;) {}');
    using terminal = prompt(env, 'kernel-1');
    // It is there before the prompt is.
    await terminal.until(
      /^other 2> console\.log\("begun"\); for \(;;\) {}\n(?:.*\n)*the other's cell runs \d+ s, Ctrl-C stops it\n3>$/m,
    );
    terminal.type('regis');
    terminal.keys('Tab');
    await terminal.until(/^3> registers$/m);
    terminal.keys('C-c');
    await terminal.until(/Ctrl-C stops it\n3>$/m);
    terminal.enter('registers + 2');
    await terminal.until(/^3> registers \+ 2\n4>$/m);
    terminal.keys('C-c');
    await terminal.until(/^Not run: registers \+ 2\n(?:.*\n)*KeyboardInterrupt(?:.*\n)+3>$/m);
    await stuck;
    terminal.enter('registers + 3');
    await terminal.until(/^3> registers \+ 3\n8\n4>$/m);

    // A cell that waits runs when the other's has ended.
    const slow = notebook.run('await new Promise((done) => setTimeout(done, 2000)); "slow"');
    await terminal.until(/^other 4> await/m);
    terminal.enter('registers + 4');
    await terminal.until(/^'slow'\n5> registers \+ 4\n9\n6>$/m);
    await slow;
    terminal.enter('.cells');
    await terminal.until(/^ *5 +registers \+ 4/m);
    assert.match(terminal.text(), /^ *4 +await new Promise/m);
  });

  test('when it is gone that is said, nothing is offered that cannot be, and Enter joins it again', async () => {
    const env = world();
    await using notebook = await Notebook.open(env.JUPYTER_RUNTIME_DIR, 'ipc');
    using terminal = prompt(env);
    await terminal.until(/^1>$/m);
    terminal.enter('const lost = 1');
    await terminal.until(/^2>$/m);
    notebook.kill();
    await terminal.until(/^The kernel has ended; .*\n(?:.*\n)*no kernel: Enter joins it again, Ctrl-D leaves$/m);
    terminal.type('dev');
    terminal.keys('Tab', 'C-u', 'Enter');
    await terminal.until(/^The kernel cannot be joined: (?:.*\n)+no kernel: Enter joins it again/m);
    await notebook.again();
    terminal.keys('Enter');
    await terminal.until(/^Joined kernel-1\.json after 0 cells\..*\n1>$/m);
    terminal.enter('lost');
    await terminal.until(/TS2304(?:.*\n)+2>$/m);
    await notebook.front.shutdown();
    await terminal.until(/^The kernel was ended by another front end;/m);
    terminal.keys('C-d');
    const end = await terminal.until(/^left 0\nicanon$/m);
    assert.doesNotMatch(end, /goes on/);
  });
});

describe('a script in a kernel that runs', () => {
  test('runs there; no kernel at all is a failure that says where it looked', async () => {
    const env = world();
    const none = script(env, '--existing', '-e', '1');
    assert.equal(none.status, 1);
    assert.ok(none.stderr.includes(env.JUPYTER_RUNTIME_DIR), none.stderr);
    await using notebook = await Notebook.open(env.JUPYTER_RUNTIME_DIR, 'ipc');
    await notebook.run('let shared = 20');
    const run = spawn(process.execPath, [CLI, 'repl', '--existing', '-e', 'shared *= 2'], {
      env: { ...process.env, ...env },
    });
    let text = '';
    run.stdout.on('data', (chunk) => {
      text += chunk;
    });
    assert.deepEqual(await once(run, 'exit'), [0, null]);
    assert.equal(text, '40\n');
    await notebook.run('if (shared !== 40) throw new Error("not shared")');
    // What an ended kernel left behind is passed over, also where it is newer.
    const stale = { transport: 'tcp', ip: '127.0.0.1', key: '', signature_scheme: 'hmac-sha256' };
    const port = await freePort();
    const ports = { shell_port: port, iopub_port: port, stdin_port: port, control_port: port, hb_port: port };
    writeFileSync(join(env.JUPYTER_RUNTIME_DIR, 'kernel-stale.json'), JSON.stringify({ ...stale, ...ports }));
    writeFileSync(join(env.JUPYTER_RUNTIME_DIR, 'kernel-half.json'), '{');
    const newest = script(env, '--existing', '-e', 'shared');
    assert.equal(newest.stdout, '40\n', newest.stderr);
    const named = script(env, '--existing', 'stale', '-e', 'shared');
    assert.equal(named.status, 1);
    assert.match(named.stderr, /kernel-stale\.json: join: no kernel listens there/);
  });
});

describe("a kernel of Jupyter's", needs('jupyter', 'tmux'), () => {
  test("a notebook's is joined, restarted by it and joined again; a Python one is refused, and passed over", async () => {
    const env = world();
    install({ prefix: join(folder, 'prefix') });
    const jupyter = { ...process.env, ...env, JUPYTER_PATH: join(folder, 'prefix/share/jupyter') };
    const notebook = new LineChild(PYTHON, [FRONT_END, 'vfiolab'], { env: jupyter });
    const file = JSON.parse(await notebook.hear()).file as string;
    const python = new LineChild(PYTHON, [FRONT_END, 'python3'], { env: jupyter });
    const foreign = JSON.parse(await python.hear()).file as string;
    assert.ok(existsSync(file) && existsSync(foreign));
    const ask = async (request: unknown) => JSON.parse(await notebook.ask(JSON.stringify(request)));
    const begun = await ask({ execute: "const dev = open('sim:edu')\n'opened'" });
    assert.deepEqual(begun, { count: 1, status: 'ok', text: "'opened'" });

    const refused = script(env, '--existing', foreign, '-e', '1');
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /its kernel is 'ipython' \(python\), not vfiolab's; use jupyter console --existing/);

    using terminal = prompt(env);
    await terminal.until(/^Joined .*\.json after 1 cell\./m);
    await terminal.until(/^2>$/m);
    terminal.enter('dev.spec');
    await terminal.until(/^'sim:edu'\n3>$/m);
    assert.deepEqual(await ask({ execute: '6 * 7' }), { count: 3, status: 'ok', text: '42' });
    await terminal.until(/^other 3> 6 \* 7\n42 \(0x2a\)\n4>$/m);
    await ask({ restart: true });
    await terminal.until(/^The kernel was restarted by another front end;/m);
    terminal.keys('Enter');
    await terminal.until(/^Joined .*\.json after 0 cells\..*\n1>$/m);
    await ask({ end: true });
    await terminal.until(/^The kernel was ended by another front end;/m);
    await Promise.all([notebook.end(), python.end()]);
  });
});
