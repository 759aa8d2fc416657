/** A prompt that is killed outright: the terminal is as it was, whoever had started the prompt; the kernel ends, and the card with it. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { lives, until } from './kernel-bench.js';
import { needs } from './needs.js';
import { Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-killed-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;
const open = (command: string): Tmux =>
  new Tmux(command, { columns: 80, env: { XDG_STATE_HOME: join(folder, `state${serial++}`), CI: 'true' } });
const PROMPT = `'${process.execPath}' '${CLI}' repl sim:edu`;
/** Goes on when the terminal is in the mode that it was in, of which `-ixon` is not the usual. */
const SANE = "until stty -a | tr ' ' '\\n' | grep -qx icanon; do sleep 0.1; done; stty -a | grep -ow -- '-ixon'";

/** The pids of the prompt and its kernel, once it waits. */
async function pids(terminal: Tmux): Promise<readonly [front: number, kernel: number]> {
  await terminal.until(/^2>\nsim:edu /m);
  const [[front], [kernel]] = [terminal.processes('cli.js repl'), terminal.processes('kernel/main.js')];
  assert.ok(front !== undefined && kernel !== undefined, terminal.text());
  return [front, kernel];
}

const gone = (pid: number): Promise<void> => until(() => !lives(pid), `process ${pid} lives on`, 60_000);

/** Kills the prompt; its kernel, and with it the card, is closed within 3 s. */
async function kill([front, kernel]: readonly [number, number]): Promise<void> {
  process.kill(front, 'SIGKILL');
  const killed = Date.now();
  await gone(kernel);
  const took = Date.now() - killed;
  assert.ok(took <= 3000, `${took} ms`);
}

describe('killed outright', needs('tmux'), () => {
  test('the terminal is as it was; the kernel, deaf in a regular expression, is gone within 3 s', async () => {
    using terminal = open(`stty -ixon; ${PROMPT}; echo "left $?"; ${SANE}; read line; echo "read $line"; read end`);
    const processes = await pids(terminal);
    terminal.enter("/(a+)+b/.test('a'.repeat(60))");
    await terminal.until(/^running/m);
    await kill(processes);
    await terminal.until(/left 137\n(?:.*\n)*-ixon$/m);
    terminal.enter('a line');
    await terminal.until(/a line\nread a line$/m);
  });

  test('also from the other screen', async () => {
    using terminal = open(`stty -ixon; ${PROMPT}; echo "left $?"; ${SANE}; read end`);
    const [front] = await pids(terminal);
    terminal.enter("console.log('before')");
    await terminal.until(/^before\n3>$/m);
    terminal.enter("Array.from({ length: 200 }, (_, n) => 'line ' + n).join('\\n')");
    await terminal.until(/Ctrl-O shows all\n/m);
    terminal.keys('C-o');
    await until(() => !terminal.screen().some((line) => line === 'before'), 'the pager has the screen');
    process.kill(front, 'SIGKILL');
    await terminal.until(/-ixon$/m);
    assert.match(terminal.text(), /^before$/m);
  });

  test('a shell that edits its own line is left alone; a kernel that waits is gone within 3 s', async () => {
    using terminal = open('bash --norc -i');
    await terminal.until(/^bash\S+[#$]$/m);
    terminal.enter(PROMPT);
    await kill(await pids(terminal));
    await terminal.until(/Killed(?:.*\n)+bash\S+[#$]/m);
    terminal.keys('C-l');
    terminal.type('echo one');
    terminal.keys('C-a', 'C-k');
    terminal.enter('echo two');
    await terminal.until(/^bash\S+[#$] echo two\ntwo$/m);
  });

  test('so is one that the prompt was suspended to', async () => {
    using terminal = open('bash --norc -i');
    await terminal.until(/^bash\S+[#$]$/m);
    terminal.enter(PROMPT);
    const [second] = await pids(terminal);
    assert.equal(caretakers(second), true);
    terminal.keys('C-z');
    await terminal.until(/Stopped(?:.|\n)*bash\S+[#$]$/m);
    terminal.type('echo th');
    await terminal.until(/echo th$/m);
    process.kill(second, 'SIGKILL');
    await gone(second);
    // Its caretaker has ended, having done nothing.
    await until(() => !caretakers(second), 'the caretaker is gone');
    terminal.enter('ree');
    await terminal.until(/^bash\S+[#$] echo three\n(?:.*\n)*three$/m);
  });

  test('one that is left has no caretaker any more', async () => {
    using terminal = open(`${PROMPT}; echo "left $?"; read end`);
    const [front] = await pids(terminal);
    assert.equal(caretakers(front), true);
    terminal.keys('C-d');
    await terminal.until(/^left 0$/m);
    await until(() => !caretakers(front), 'the caretaker is gone');
  });
});

/** Whether the caretaker that was seen at this prompt lives. */
const known = new Map<number, number>();
function caretakers(front: number): boolean {
  if (!known.has(front)) {
    try {
      const children = readFileSync(`/proc/${front}/task/${front}/children`, 'utf8').trim().split(' ').map(Number);
      const shell = children.find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sh');
      if (shell !== undefined) known.set(front, shell);
    } catch {
      // It is gone.
    }
  }
  const shell = known.get(front);
  return shell !== undefined && lives(shell);
}
