/** `input()` at the prompt: the question in the place of the line, what is typed its answer. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { frame } from '../repl/frame.js';
import { lineText } from '../repl/line.js';
import { needs } from './needs.js';
import { begun, settled, type Talk, talk } from './prompt-kernel.js';
import { Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-input-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;
const fresh = (): string => join(folder, `state${serial++}`);

const drawn = ({ dialogue }: Talk): string[] =>
  frame(dialogue.scene, { columns: 40, rows: 12 }, Date.now()).lines.map((line) => lineText(line).trimEnd());

/** A dialogue whose second cell asks. */
async function asking(password = false, prompt = 'slot? '): Promise<Talk & { kernel: Talk['kernels'][number] }> {
  const talking = talk(fresh());
  const kernel = await begun(talking);
  await talking.type('await input("slot? ")\r');
  kernel.ask({ prompt, password });
  await settled();
  return { ...talking, kernel };
}

describe('a question', () => {
  test('takes the place of the line, which comes back behind the answer', async () => {
    const talking = talk(fresh());
    const kernel = await begun(talking);
    await talking.type('await input()\r');
    await talking.type('typed ahead');
    assert.ok(drawn(talking).includes('3> typed ahead'));
    kernel.ask({ prompt: 'two lines\nslot? ', password: false });
    await talking.type('03');
    assert.deepEqual(drawn(talking).slice(0, 2), ['two lines', 'slot? 03']);
    await talking.type('\x01x\r');
    assert.deepEqual(kernel.answers, ['x03']);
    assert.ok(talking.said.join('\n').endsWith('two lines\nslot? x03'), talking.said.join('\n'));
    assert.ok(drawn(talking).includes('3> typed ahead'));
  });

  test('a password is neither shown nor remembered', async () => {
    const talking = await asking(true, 'word: ');
    await talking.type('secret');
    assert.ok(drawn(talking).includes('word:'));
    assert.doesNotMatch(drawn(talking).join(), /secret/);
    await talking.type('\r');
    assert.deepEqual(talking.kernel.answers, ['secret']);
    talking.kernel.asked[1]?.end();
    await settled();
    await talking.type('\x1b[A');
    assert.equal(talking.dialogue.scene.editor.text, 'await input("slot? ")');
    assert.doesNotMatch(talking.said.join(), /secret/);
  });

  test('keys that are about cells are not: history, completion, search, dot-commands', async () => {
    const talking = await asking();
    await talking.type('\x1b[A\t\x12.help');
    assert.ok(drawn(talking).includes('slot? .help'));
    assert.equal(talking.dialogue.scene.search, undefined);
    await talking.type('\r');
    assert.deepEqual(talking.kernel.answers, ['.help']);
  });

  test('ends a search; what the next one gives back is what was there when that began', async () => {
    const talking = talk(fresh());
    const kernel = await begun(talking);
    await talking.type('await input()\r');
    await talking.type('typed\x12inp');
    assert.equal(talking.dialogue.scene.editor.text, 'await input()');
    kernel.ask({ prompt: 'slot? ', password: false });
    await talking.type('3\r');
    assert.equal(talking.dialogue.scene.search, undefined);
    await talking.type('\x05\x15fresh\x12inp\x07');
    assert.equal(talking.dialogue.scene.editor.text, 'fresh');
  });

  test('Ctrl-C stops the cell, Ctrl-D on an empty line says that there is none', async () => {
    const stopped = await asking();
    await stopped.type('half\x03');
    assert.equal(stopped.kernel.interrupts, 1);
    await settled();
    assert.equal(stopped.dialogue.scene.asked, undefined);
    const ended = await asking();
    await ended.type('\x04');
    assert.deepEqual(ended.kernel.answers, ['\x04']);
    assert.equal(ended.dialogue.scene.kernel, 'ready');
  });
});

describe('in a terminal', needs('tmux'), () => {
  test('asked, answered, stopped, ended; a password is not shown', async () => {
    const state = fresh();
    using terminal = new Tmux(`'${process.execPath}' '${CLI}' repl sim:edu; echo "left $?"; read end`, {
      columns: 80,
      env: { XDG_STATE_HOME: state, CI: 'true' },
    });
    await terminal.until(/^2>/m);
    terminal.enter("const slot = await input('which slot? '); slot + '!'");
    await terminal.until(/^which slot\?$/m);
    terminal.type('3a');
    terminal.keys('BSpace');
    await terminal.until(/^which slot\? 3$/m);
    terminal.keys('Enter');
    await terminal.until(/^which slot\? 3\n'3!'\n3>$/m);

    terminal.enter("const word = await input('word: ', { password: true }); word.length");
    await terminal.until(/^word:$/m);
    terminal.type('hidden');
    terminal.keys('Enter');
    await terminal.until(/^word:\n6\n4>$/m);
    assert.doesNotMatch(terminal.text(), /hidden/);

    terminal.enter('await input("never? ")');
    await terminal.until(/^never\?$/m);
    terminal.type('half');
    terminal.keys('C-c');
    await terminal.until(/KeyboardInterrupt(?:.*\n)+5>$/m);
    terminal.enter('await input("none? ")');
    await terminal.until(/^none\?$/m);
    terminal.keys('C-d');
    await terminal.until(/^none\?\n(?:.*\n)?Error: input: the end was typed(?:.*\n)+6>$/m);
    terminal.keys('C-d');
    await terminal.until(/^left 0$/m);
    const history = readFileSync(join(state, 'vfiolab', 'history'), 'utf8');
    assert.match(history, /which slot/);
    assert.doesNotMatch(history, /hidden/);
  });

  test('--plain: on a line of its own, a password without echo', async () => {
    using terminal = new Tmux(
      `'${process.execPath}' '${CLI}' repl sim:edu --plain; stty -a | grep -ow -- '-\\?echo'; read end`,
      {
        columns: 80,
        env: { XDG_STATE_HOME: fresh(), CI: 'true' },
      },
    );
    await terminal.until(/^2>/m);
    terminal.enter("(await input('slot? ')) + '!'");
    await terminal.until(/^slot\?$/m);
    terminal.enter('3');
    await terminal.until(/^slot\? 3\n(?:.*\n)*'3!'\n3>/m);
    terminal.enter("(await input('word: ', { password: true })).length");
    await terminal.until(/^word:$/m);
    terminal.enter('hidden');
    await terminal.until(/^word:\n(?:.*\n)*6\n4>/m);
    assert.doesNotMatch(terminal.text(), /hidden/);
    terminal.keys('C-d');
    await terminal.until(/^echo$/m);
  });
});

describe('in a script', () => {
  const code = "const a = await input('a? '); const b = await input('b? ', { password: true }); [a, b].join()";
  const env = { ...process.env, XDG_STATE_HOME: fresh() };

  test('with -e the lines of standard input answer, and its end says that there is none', async () => {
    const child = spawn(process.execPath, [CLI, 'repl', 'sim:edu', '-e', code], { env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    // It ends although its input does not.
    child.stdin.write('one\ntwo\n');
    assert.deepEqual(await once(child, 'close'), [0, null]);
    assert.equal(stdout, "'one,two'\n");
    assert.equal(stderr, 'a? \nb? \n');
    const { status, stderr: words } = spawnSync(process.execPath, [CLI, 'repl', 'sim:edu', '-e', code], {
      ...{ env, input: 'one\n', encoding: 'utf8', timeout: 120_000 },
    });
    assert.equal(status, 1);
    assert.match(words, /input: the end was typed, no answer/);
  });

  test('a script on standard input is not its own answer', () => {
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'repl', 'sim:edu'], {
      ...{ env, input: `${code}\n`, encoding: 'utf8', timeout: 120_000 },
    });
    assert.equal(status, 1);
    assert.match(stderr, /the end was typed/);
  });
});
