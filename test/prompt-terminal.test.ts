/** The prompt in real terminals, on the real kernel and the simulated card. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { needs } from './needs.js';
import { idle, Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;
const fresh = (): string => join(folder, `state${serial++}`);

/** Opens a prompt in a shell that tells its exit code, and whether the terminal is as it was. */
function prompt(columns: number, env: Readonly<Record<string, string>> = {}, before = ''): Tmux {
  const command = `${before} '${process.execPath}' '${CLI}' repl sim:edu; echo "left $?"; stty -a | tr -d ';' | grep -ow -- '-\\?icanon'; read end`;
  return new Tmux(command, { columns, env: { XDG_STATE_HOME: fresh(), CI: 'true', ...env } });
}

/** What stands between cell `number` and the next. */
function said(text: string, number: number): string {
  const lines = text.split('\n');
  const from = lines.findLastIndex((line) => line.startsWith(`${number}> `));
  const to = lines.findLastIndex((line) => new RegExp(`^${number + 1}>( |$)`).test(line));
  return lines.slice(from + 1, to < from ? undefined : to).join('\n');
}

/** The kernel's process, and the prompt's. */
const kernelOf = (terminal: Tmux): number => terminal.processes('kernel/main.js')[0] ?? assert.fail('no kernel runs');
const frontOf = (terminal: Tmux): number => terminal.processes('cli.js repl')[0] ?? assert.fail('no prompt runs');

const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

async function gone(pid: number): Promise<void> {
  for (let n = 0; n < 600 && alive(pid); n++) await delay(50);
  assert.equal(alive(pid), false, `process ${pid} lives on`);
}

/** The prompt is ended while a cell runs: its kernel goes with it. */
async function ends(terminal: Tmux, end: (front: number) => void): Promise<void> {
  const [kernel, front] = [kernelOf(terminal), frontOf(terminal)];
  terminal.enter('for (;;) {}');
  await terminal.until(/^running/m);
  end(front);
  await gone(kernel);
  await gone(front);
}

describe('the prompt in a terminal', needs('tmux'), () => {
  test('a session at 40 columns, at 80 and at 200', async () => {
    using terminal = prompt(40);
    const start = await idle(terminal, 2);
    assert.match(start, /^1> const dev = open\('sim:edu'\)\n {3}const edu = dev\.bar\(0\)\.registers\(EDU\)\n2>$/m);
    /** The number of the cell that is being typed. */
    let at = 2;
    /** Waits for the number of the next cell, and nothing that runs; what the one before said. */
    const done = async (): Promise<string> => said(await idle(terminal, ++at), at - 1);
    const line = (text: string): string => `^${at}>${text}$`;
    const until = (wanted: string, colours = false): Promise<string> =>
      terminal.until(new RegExp(wanted, 'm'), { colours });

    for (const columns of [40, 80, 200]) {
      await terminal.resized(columns, 24);
      await terminal.clear(new RegExp(line('')));

      terminal.enter('dev');
      const regions = await done();
      for (const what of ['sim:edu', '1234:11e8', 'bar0', '1 MiB', 'config', 'INTx', 'MSI'])
        assert.ok(regions.includes(what), `${what} in\n${regions}`);

      terminal.enter('edu.STATUS.modify({ IRQ: 1 }); edu.STATUS.read()');
      const bits = await done();
      assert.match(bits, /\[7\] +IRQ +1/);
      assert.match(bits, /\[0\] +COMPUTING +0/);

      terminal.type('edu.STA');
      terminal.keys('Tab');
      // The history suggests the rest, so the text is there before Tab: what is typed has its colour.
      await until('\\[36mSTATUS\\b', true);
      terminal.keys('C-c');
      await until(line(''));
      terminal.type('edu.DMA_');
      terminal.keys('Tab');
      const menu = await until('^ DMA_SRC +register +0x80');
      for (const name of ['DMA_CMD', 'DMA_COUNT', 'DMA_DST']) assert.match(menu, new RegExp(`^ ${name} `, 'm'));
      terminal.keys('Tab');
      await until(line(' edu\\.DMA_SRC').replace(/\$$/, ''));
      terminal.keys('Enter');
      terminal.keys('C-u');
      await idle(terminal, at);

      terminal.enter("dev.busMaster(true); const [irq] = dev.enableIrqs('msi')");
      await done();
      terminal.enter('await irq.wait({ timeout: 600_000 })');
      await until('^running \\d+ s, Ctrl-C stops it$');
      at++;
      terminal.type('typed meanwhile');
      await until(line(' typed meanwhile'));
      terminal.keys('C-c');
      const stopped = await until(`interrupted(?:.|\\n)*${line(' typed meanwhile')}`);
      assert.doesNotMatch(stopped, /running/);
      terminal.keys('C-c');
      await idle(terminal, at);
      terminal.enter('edu.IRQ_RAISE.write(1); await irq.wait({ timeout: 60_000 })');
      assert.doesNotMatch(await done(), /Error/);

      terminal.enter('for (;;) {}');
      await until('^running \\d+ s, Ctrl-C stops it$');
      at++;
      // Not what the history would go on with.
      terminal.type(`${columns} + `);
      await until(line(` ${columns} \\+`));
      terminal.keys('C-c');
      await until(`interrupted(?:.|\\n)*${line(` ${columns} \\+`)}`);
      terminal.enter('1');
      assert.match(await done(), new RegExp(`^${columns + 1}\\b`));

      terminal.enter('edu.STATSU.read()');
      assert.match((await done()).replaceAll('\n', ''), /TS2551|TS2339/);

      terminal.keys('C-c');
      await until(`^Ctrl-D leaves\\.\\n${at}>$`);
      terminal.enter('dev.disableIrqs()');
      await done();
    }

    const pid = kernelOf(terminal);
    terminal.keys('C-c');
    await until(`^Ctrl-D leaves\\.\\n${at}>$`);
    terminal.keys('C-d');
    const end = await terminal.until(/icanon/);
    assert.match(end, /^Ctrl-D leaves\.\nleft 0\nicanon$/m);
    await gone(pid);
  });

  test('the first keys are taken before the kernel is up, and nothing of them is lost; history is there in the next session', async () => {
    const XDG_STATE_HOME = fresh();
    {
      using terminal = prompt(80, { XDG_STATE_HOME });
      terminal.type('6 *');
      terminal.enter(' 7');
      terminal.enter('if (dev) {');
      terminal.enter("console.log('a line')");
      terminal.enter('}');
      const text = await idle(terminal, 4);
      assert.equal(said(text, 2), '42 (0x2a)');
      assert.match(text, /^3> if \(dev\) {\n {3}console\.log\('a line'\)\n {3}}\na line\n4>$/m);
      assert.equal(text.match(/const dev/g)?.length, 1, text);
      terminal.enter('edu.ID.read().MAGIC');
      await idle(terminal, 5);
      terminal.keys('C-d');
      await terminal.until(/^left 0$/m);
    }
    using terminal = prompt(80, { XDG_STATE_HOME });
    terminal.keys('Up');
    await terminal.until(/^2> edu\.ID\.read\(\)\.MAGIC$/m);
    terminal.keys('C-c');
    await idle(terminal, 2);
    terminal.enter('0x1234');
    await idle(terminal, 3);
    terminal.keys('Up');
    await terminal.until(/^3> 0x1234$/m);
    terminal.keys('Up');
    await terminal.until(/^3> edu\.ID\.read\(\)\.MAGIC$/m);
    terminal.keys('Down', 'Down');
    await idle(terminal, 3);
    assert.ok(existsSync(join(XDG_STATE_HOME, 'vfiolab', 'history')));
  });

  test('a kernel that dies costs the variables, not the prompt; SIGTERM ends its successor and restores the terminal', async () => {
    using terminal = prompt(80);
    await idle(terminal, 2);
    terminal.enter('const kept = 7');
    await idle(terminal, 3);
    process.kill(kernelOf(terminal), 'SIGKILL');
    await terminal.until(
      /^The kernel ended \(SIGKILL\); lost: dev \(sim:edu\), edu and kept; its card is\s+closed\.$/m,
    );
    await terminal.until(/^no kernel: Enter starts one, Ctrl-D leaves$/m);
    terminal.keys('Enter');
    await terminal.until(
      /and kept; its card is\s+closed\.\n1> const dev = open\('sim:edu'\)\n {3}const edu[^\n]*\n2>$/m,
    );
    terminal.enter('kept');
    assert.match(said(await idle(terminal, 3), 2), /TS2304/);
    terminal.enter('edu.ID.read().MAGIC.toString(16)');
    assert.match(said(await idle(terminal, 4), 3), /ed/);

    await ends(terminal, (front) => process.kill(front, 'SIGTERM'));
    assert.match(await terminal.until(/icanon/), /^left \d+\nicanon$/m);
  });

  test('Ctrl-Z gives the terminal to the shell, fg comes back to what was typed; the cell ran on', async () => {
    using terminal = new Tmux('bash --norc -i', {
      columns: 80,
      env: { XDG_STATE_HOME: fresh(), CI: 'true' },
    });
    await terminal.until(/^bash\S+#$/m);
    terminal.enter(`'${process.execPath}' '${CLI}' repl sim:edu`);
    await idle(terminal, 2);
    terminal.enter("await new Promise((done) => setTimeout(done, 1500)); 'ran on'");
    await terminal.until(/^2> await/m);
    terminal.type('half a li');
    await terminal.until(/half a li$/m);
    terminal.keys('C-z');
    await terminal.until(/Stopped(?:.|\n)*^bash\S+#$/m);
    terminal.enter('stty -a | grep -ow -- "-\\?icanon"; sleep 2; fg');
    await terminal.until(/^icanon$/m);
    await terminal.until(/^'ran on'\n3> half a li$/m);
    terminal.type('ne');
    await terminal.until(/^3> half a line$/m);
    terminal.keys('C-u', 'C-d');
    await terminal.until(/'ran on'\nbash\S+#$/m);
  });

  test('a terminal that does not know its size is one of 80 columns and 24 lines; SIGHUP ends the kernel and restores the terminal', async () => {
    using terminal = prompt(80, {}, 'stty rows 0 cols 0;');
    terminal.enter('6 * 7');
    const text = await idle(terminal, 3);
    assert.match(text, /^1> const dev = open\('sim:edu'\)\n {3}const edu = .*\n2> 6 \* 7\n42 \(0x2a\)\n3>$/m);
    terminal.type('typed');
    await terminal.until(/^42 \(0x2a\)\n3> typed$/m);
    terminal.keys('C-u');

    await ends(terminal, (front) => process.kill(front, 'SIGHUP'));
    assert.match(await terminal.until(/icanon/), /^left \d+\nicanon$/m);
  });
});

describe('one session in a terminal', needs('tmux'), () => {
  let terminal: Tmux;
  /** The number of the cell that is being typed. */
  let at = 2;
  before(async () => {
    terminal = prompt(80);
    await idle(terminal, at);
  });
  after(() => terminal.close());
  /** Waits for the number of the next cell, and nothing that runs; what the one before said. */
  const done = async (): Promise<string> => said(await idle(terminal, ++at), at - 1);
  /** A line that begins with the number of the cell that is being typed. */
  const line = (text: string): RegExp => new RegExp(`^${at}>${text}$`, 'm');

  test('a cell of several lines, typed and edited', async () => {
    terminal.enter('const square = (n: number) => {');
    terminal.enter('return n * n');
    terminal.enter('}');
    await done();
    terminal.enter('square(1)');
    await done();
    terminal.keys('Up', 'Left', 'BSpace');
    terminal.type('12');
    terminal.keys('Enter');
    assert.equal(await done(), '144 (0x90)');
    terminal.keys('Up', 'Up', 'Up');
    await terminal.until(line(' const square = \\(n: number\\) => {\n +return n \\* n\n +}'));
    terminal.keys('C-c');
    await idle(terminal, at);
  });

  test('what a timer prints after its cell is shown when it comes, above what is being typed', async () => {
    terminal.enter("setTimeout(() => console.log('late'), 1000); 'early'");
    await done();
    terminal.type('typing');
    await terminal.until(new RegExp(`^'early'\\nlate\\n${at}> typing$`, 'm'));
    terminal.keys('C-u');
  });

  test('what is watched is pinned above the input while other cells run, until Ctrl-C on an empty line', async () => {
    terminal.enter('watch(edu.STATUS, { every: 50 })');
    await done();
    await terminal.until(/^\d+> watch\((?:.|\n)*STATUS +0x00000000(?:.|\n)*^\d+>$/m);
    terminal.enter('edu.STATUS.modify({ IRQ: 1 })');
    await done();
    const pinned = await terminal.until(/^\d+> edu\.STATUS\.modify(?:.|\n)*STATUS +0x00000080(?:.|\n)*^\d+>$/m);
    assert.equal(pinned.match(/0x000000[08]0/g)?.length, 1, pinned);
    terminal.type('typed');
    await terminal.until(line(' typed'));
    terminal.keys('C-c', 'C-c');
    await terminal.until(new RegExp(`0x00000080(?:.|\\n)*^${at}>$`, 'm'));
    // It looks the same once it has ended, which the kernel tells: a Ctrl-C before that is about it too.
    const leaves = new RegExp(`^Ctrl-D leaves\\.\\n${at}>$`, 'm');
    while (!leaves.test(terminal.text())) {
      terminal.keys('C-c');
      await delay(100);
    }
  });

  test('Ctrl-Z where no shell controls jobs changes nothing', async () => {
    terminal.type('still');
    terminal.keys('C-z');
    terminal.type(' here');
    await terminal.until(line(' still here'));
    terminal.keys('C-u');
  });

  test('Ctrl-C ends every kind of wait, and what is being typed stays', async () => {
    terminal.enter("dev.busMaster(true); const [irq] = dev.enableIrqs('msi')");
    await done();
    for (const code of [
      'await new Promise(() => {})',
      'await irq.wait({ timeout: 600_000 })',
      'for await (const n of irq) console.log(n)',
      'await until(() => false, { timeout: 600_000 })',
      'for (;;) {}',
      "/^(a+)+$/.test('a'.repeat(64) + 'b')",
      'await $`sleep 600`',
      "await input('slot? ')",
      'await sample(() => 1, { every: 10, count: 1_000_000 })',
      'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600_000)',
    ]) {
      const waits = `waits ${at}`;
      terminal.enter(`console.log('${waits}'); ${code}`);
      await terminal.until(new RegExp(`^${waits}$`, 'm'));
      const asks = code.includes('input(');
      if (asks) await terminal.until(/^slot\? *$/m);
      else terminal.type('kept');
      terminal.keys('C-c');
      at++;
      await terminal.until(new RegExp(`^${waits}$(?:.|\\n)*interrupted(?:.|\\n)*^${at}>`, 'm'));
      await terminal.until(line(asks ? '' : ' kept'));
      terminal.keys('C-u');
      await idle(terminal, at);
    }
    terminal.enter('edu.IRQ_RAISE.write(1); await irq.wait({ timeout: 60_000 })');
    assert.doesNotMatch(await done(), /Error/);
  });

  test('output streams while the cell runs, and is whole', async () => {
    terminal.enter(
      "for (let n = 0; n < 3; n++) { console.log('tick', n); await new Promise((f) => setTimeout(f, 700)) }",
    );
    await terminal.until(new RegExp(`^tick 0\\n${at + 1}>$`, 'm'));
    await done();
    terminal.enter("for (let n = 0; n < 4000; n++) console.log('line', n)");
    await terminal.until(new RegExp(`^line 3999\\n${at + 1}>$`, 'm'));
    await done();
    const lines = terminal.text().match(/^line \d+$/gm) ?? [];
    assert.deepEqual(
      lines,
      Array.from({ length: 4000 }, (_, n) => `line ${n}`),
    );
    assert.equal(terminal.text().match(new RegExp(`^${at}>`, 'gm'))?.length, 1);
  });

  test('an endless flood of output neither blocks keys nor outlives Ctrl-C', async () => {
    terminal.enter("for (let n = 0; ; n++) console.log('flood', n)");
    at++;
    await terminal.until(/^flood \d{4,}$/m);
    terminal.type('typed');
    await terminal.until(line(' typed'));
    terminal.keys('C-c');
    await terminal.until(new RegExp(`KeyboardInterrupt.*\\n(?:.*\\n)?${at}> typed$`, 'm'));
    terminal.keys('C-u');
    terminal.enter('6 * 7');
    assert.equal(await done(), '42 (0x2a)');
  });

  test('a closed terminal ends the kernel', () => ends(terminal, () => terminal.close()));
});

describe('a script on standard input', () => {
  const run = (input: string) =>
    spawnSync(process.execPath, [CLI, 'repl', 'sim:edu'], {
      input,
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, XDG_STATE_HOME: fresh() },
    });

  test('runs behind the prelude and prints plain text', () => {
    const { status, stdout, stderr } = run("console.log('on', dev.spec)\nedu.STATUS.read()\n");
    assert.equal(stderr, '');
    assert.match(stdout, /^on sim:edu\n.*STATUS = 0x00000000\n {2}\[7\] {2}IRQ +0\n/);
    assert.ok(!stdout.includes('\x1b'));
    assert.equal(status, 0);
  });

  test('one that fails says why on stderr, exit code 1', () => {
    const { status, stdout, stderr } = run("console.log('before')\nedu.ID.read()\nthrow new Error('no luck')\n");
    assert.equal(stdout, 'before\n');
    assert.match(stderr, /^Error: no luck\n/);
    assert.equal(status, 1);
  });
});
