/** How the card stands, and what becomes of it when the kernel or the prompt dies, in real terminals on the real kernel. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { needs } from './needs.js';
import { Tmux } from './tmux.js';

const DIST = join(import.meta.dirname, '..');
const CLI = join(DIST, 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-status-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let serial = 0;
const prompt = (columns: number): Tmux =>
  new Tmux(`'${process.execPath}' '${CLI}' repl sim:edu; echo "left $?"; read end`, {
    columns,
    env: { XDG_STATE_HOME: join(folder, `${serial++}`), CI: 'true' },
  });

/** The line below the prompt of cell `number`, once that fits `wanted`. */
const foot = (number: number, wanted: string): RegExp => new RegExp(`^${number}>\\n(?:${wanted})$`, 'm');

const kernelOf = (terminal: Tmux): number => terminal.processes('kernel/main.js')[0] ?? assert.fail('no kernel runs');

const alive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('the status line in a terminal', needs('tmux'), () => {
  test('at 40, 80 and 200 columns: what a cell did, its age, .status, a card that is gone; a kernel that dies, what is lost, another one', async () => {
    using terminal = prompt(40);
    for (const [columns, wanted] of [
      [40, 'sim:edu  Mem\\+ BusMaster\\+ \\(\\d+ s\\)  MSI 1'],
      [80, 'sim:edu  simulator  Mem\\+ BusMaster\\+ \\(\\d+ s\\)  MSI 1  DMA 8 KiB'],
      [200, 'sim:edu  simulator  Mem\\+ BusMaster\\+ \\(\\d+ s\\)  MSI 1  DMA 8 KiB'],
    ] as const) {
      // Each time a kernel that has just begun.
      await terminal.until(foot(2, 'sim:edu  simulator  COMMAND not read'));
      await terminal.resized(columns, 24);
      await terminal.clear(/^2>$/);
      terminal.enter("dev.busMaster(true); const [irq] = dev.enableIrqs('msi'); const buf = dev.dma(8192)");
      await terminal.until(foot(3, wanted));
      await terminal.until(foot(3, wanted.replace('\\d+', '[2-9]\\d*')));
      terminal.enter('.status');
      const said = await terminal.until(/^ +DMA +8 KiB mapped(?:.|\n)*^3>/m);
      const words = said.slice(said.lastIndexOf('sim:edu  simulator\n')).replace(/\s+/g, ' ');
      assert.match(
        words,
        columns === 40
          ? /COMMAND Mem\+ 0x0107, read BusMaster\+ 0 s ago/
          : /COMMAND Mem\+ BusMaster\+ 0x0107, read 0 s ago/,
      );
      assert.match(
        words,
        columns === 40 ? /interrupts MSI 1 enabled/ : /interrupts MSI 1 enabled DMA 8 KiB mapped 1 buffer/,
      );
      terminal.type('edu.');
      terminal.keys('Tab');
      await terminal.until(/^3> edu\.\n(?: .*\n)+sim:edu /m);
      terminal.keys('C-c', 'C-u');
      terminal.enter("dev.rehearse('req')");
      await terminal.until(foot(4, 'sim:edu  taken away at [\\d:]+(?:  simulator)?'));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
      assert.match(terminal.text({ colours: true }), /\x1b\[31m[^\n]*taken away/);
      terminal.enter("const again = open('sim:edu'), kept = 7");
      await terminal.until(foot(5, 'sim:edu  simulator  COMMAND not read'));

      terminal.enter('process.abort()');
      const died = await terminal.until(/^no kernel: Enter starts one, Ctrl-D\s+leaves$/m);
      assert.match(
        died.replace(/\s+/g, ' '),
        /The kernel ended \(SIGABRT\); lost: again \(sim:edu\), dev, edu, (?:irq, buf|buf, irq) and kept; its card is closed\./,
      );
      terminal.type('typed');
      await terminal.until(/^\d> typed$/m);
      terminal.keys('Enter');
      await terminal.until(/closed\.\n1> const dev(?:.|\n)*^2> typed\nsim:edu .*$/m);
      terminal.keys('C-u');
    }
  });

  test('nothing of it touches the card: not its ages, not a cell that does not, not what is known; .status does, and says where the kernel is busy', async () => {
    using terminal = prompt(80);
    await terminal.until(foot(2, 'sim:edu .*'));
    const sim = pathToFileURL(join(DIST, 'lib', 'backends', 'sim.js')).href;
    terminal.paste(`const touched: string[] = [];
{
  const file: string = '${sim}';
  const { SimBackend } = await import(file);
  const card = SimBackend.prototype as any;
  for (const verb of ['read', 'write', 'readBlock', 'writeBlock']) {
    const act = card[verb];
    card[verb] = function (...all: any[]) { touched.push(verb); return act.apply(this, all); };
  }
}
dev.config.read16(4);`);
    terminal.keys('Enter');
    await terminal.until(foot(3, 'sim:edu  simulator  Mem. BusMaster- .*'));
    terminal.enter('touched.splice(0).join()');
    await terminal.until(/^'read'\n4>/m);
    terminal.enter("dev.status(); dev; dev.enableIrqs('msi'); 'looked'");
    await terminal.until(foot(5, 'sim:edu  simulator  Mem. BusMaster- \\([3-9] s\\)  MSI 1'));
    terminal.enter("'touched ' + touched.splice(0).join()");
    await terminal.until(/^'touched '\n6>/m);
    terminal.enter('.status');
    await terminal.until(/read 0 s ago/);
    terminal.enter("'touched ' + touched.join()");
    await terminal.until(/^'touched readBlock'\n7>/m);

    terminal.enter('for (;;) {}');
    await terminal.until(/^running/m);
    terminal.enter('.status');
    await terminal.until(/^The kernel is busy: a cell has run for \d+ s\. As last known:\nsim:edu {2}simulator$/m);
    terminal.keys('C-c');
    await terminal.until(/interrupted(?:.|\n)*^8>$/m);
  });

  test('a card that answers all-ones is bad; several cards: the one used last, and how many more', async () => {
    const rows = Array.from({ length: 4 }, (_, row) => `${row}0:${' ff'.repeat(16)}`);
    const file = join(folder, 'ones.txt');
    writeFileSync(file, `00:00.0 Device\n${rows.join('\n')}\n`);
    using terminal = prompt(80);
    await terminal.until(foot(2, 'sim:edu .*'));
    terminal.enter(`const ones = open('dump:${file}')`);
    await terminal.until(foot(3, 'dump:ones\\.txt#00:00\\.0  dump, read-only  COMMAND not read  \\+1 card'));
    terminal.enter('ones.config.read16(4)');
    await terminal.until(
      foot(4, 'dump:ones\\.txt#00:00\\.0  answers all-ones \\(\\d s\\)  dump, read-only  \\+1 card'),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
    assert.match(terminal.text({ colours: true }), /\x1b\[31m[^\n]*answers all-ones/);
    terminal.enter('edu.STATUS.read().IRQ');
    await terminal.until(foot(5, 'sim:edu  simulator .*\\+1 card.*'));
    terminal.enter('ones.close()');
    await terminal.until(foot(6, 'sim:edu  simulator  COMMAND not read'));
  });
});

describe('a kernel that hangs', needs('tmux'), () => {
  test('one that hangs: said, keys go on; it may answer again; Ctrl-C ends it, Enter starts another, and one that leaves ends that', async () => {
    using terminal = prompt(80);
    await terminal.until(foot(2, 'sim:edu .*'));
    const kernel = kernelOf(terminal);
    process.kill(kernel, 'SIGSTOP');
    await terminal.until(/^the kernel does not answer for \d+ s: Ctrl-C ends it\n2>$/m);
    terminal.type('typed');
    await terminal.until(/^2> typed$/m);
    process.kill(kernel, 'SIGCONT');
    await terminal.until(/^ {3}const edu.*\n2> typed$/m);
    process.kill(kernel, 'SIGSTOP');
    await terminal.until(/^the kernel does not answer for \d+ s: Ctrl-C ends it\n2> typed$/m);
    terminal.keys('C-c');
    await terminal.until(/^The kernel ended \(SIGKILL\); lost: dev \(sim:edu\) and edu; its card is closed\.$/m);
    assert.equal(alive(kernel), false);
    terminal.keys('Enter');
    await terminal.until(/closed\.\n1> const dev(?:.|\n)*^2> typed\nsim:edu .*$/m);

    // One that hangs keeps nobody who leaves.
    const another = kernelOf(terminal);
    process.kill(another, 'SIGSTOP');
    terminal.keys('C-u', 'C-d');
    await terminal.until(/^left 0$/m);
    assert.equal(alive(another), false);
  });
});
