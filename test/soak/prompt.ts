/** A long session at a real prompt, in tmux: no key is lost, every cell is answered, neither the prompt nor its kernel grows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Tmux } from '../tmux.js';
import type { Soak } from './soak.js';

const CLI = join(import.meta.dirname, '..', '..', 'repl', 'cli.js');
/** How long a cell's answer may take on a loaded machine, in milliseconds. */
const PATIENCE = 120_000;
/** At most so many rounds' texts are on the screen at once. */
const ROWS = 40;

/** MiB that a process may grow between the second third of a session and the last: heaps breathe. The first is spent on loading. */
const BREATH = 32;
/** And while so few rounds ran that V8 is still compiling. */
const COLD = { rounds: 30, breath: 256 };

class Session {
  readonly terminal: Tmux;
  /** The number of the next cell. */
  next = 1;
  keys = 0;

  constructor(state: string, spec: string) {
    this.terminal = new Tmux(`'${process.execPath}' '${CLI}' repl '${spec}'; echo "left $?"; read end`, {
      columns: 100,
      rows: ROWS,
      env: { XDG_STATE_HOME: state, CI: 'true' },
      within: PATIENCE,
    });
  }

  /** Waits until the screen fits. */
  async seen(wanted: RegExp): Promise<string> {
    const end = Date.now() + PATIENCE;
    for (;;) {
      const screen = this.terminal.screen().join('\n');
      if (wanted.test(screen)) return screen;
      if (Date.now() > end)
        throw new Error(`${wanted} is not on the screen:\n${this.terminal.text().split('\n').slice(-150).join('\n')}`);
      await delay(20);
    }
  }

  /** Ctrl-C until nothing is pinned any more. */
  async unpinned(): Promise<void> {
    const end = Date.now() + PATIENCE;
    while (!this.terminal.screen().includes('Ctrl-D leaves.')) {
      if (Date.now() > end) throw new Error('what is watched does not end');
      this.terminal.keys('C-c');
      await delay(300);
    }
    await this.idle();
  }

  /** Waits until the line is empty; the screen. A cell may be running still. */
  idle(): Promise<string> {
    return this.seen(new RegExp(`^${this.next}>$`, 'm'));
  }

  /** Types a cell key by key, sees each character of it, and runs it; `shows` must be on the screen then. */
  async cell(text: string, shows: RegExp): Promise<void> {
    this.terminal.type(text);
    this.keys += text.length;
    const line = text.slice(0, 60).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    await this.seen(new RegExp(`^${this.next}> ${line}`, 'm'));
    this.terminal.keys('Enter');
    this.next++;
    await this.seen(shows);
    await this.idle();
  }

  /** Runs a cell that is stopped by Ctrl-C once it runs; `meanwhile` is typed into the line below it, and must be there. */
  async stopped(text: string, meanwhile: string): Promise<void> {
    const begun = `begun ${this.next}`;
    this.terminal.enter(`console.log('${begun}'); ${text}`);
    this.next++;
    // The next number is there before the cell runs.
    await this.seen(new RegExp(`^${begun}$`, 'm'));
    for (const character of meanwhile) this.terminal.type(character);
    this.keys += meanwhile.length;
    await this.seen(new RegExp(`^${this.next}> ${meanwhile}$`, 'm'));
    this.terminal.keys('C-c');
    await this.seen(/KeyboardInterrupt/);
    await this.seen(new RegExp(`^${this.next}> ${meanwhile}$`, 'm'));
    this.terminal.keys('C-u');
    await this.idle();
    this.terminal.keys('C-l');
    await this.idle();
  }
}

/** One round: what people do in a session, mistakes included. */
async function round(session: Session, number: number): Promise<void> {
  const { terminal } = session;
  terminal.keys('C-l');
  await session.cell(`'key' + ${number} * 2`, new RegExp(`^'key${number * 2}'$`, 'm'));
  await session.cell(`edu.LIVENESS.write(${number}); edu.LIVENESS.read()`, /LIVENESS/);
  await session.cell('edu.STATSU.read()', /TS2551|TS2339/);
  await session.cell(`throw new RangeError('round ${number}')`, new RegExp(`^RangeError: round ${number}$`, 'm'));
  await session.stopped('for (;;) {}', 'typed meanwhile');
  await session.stopped('await new Promise(() => {})', `again ${number}`);

  // A panel, while other cells run.
  terminal.keys('C-l');
  await session.cell('watch(edu.STATUS, { every: 100 })', /STATUS +0x/);
  await session.cell(
    `edu.STATUS.modify({ IRQ: ${number % 2} }); 'set ${number}'`,
    new RegExp(`^'set ${number}'$`, 'm'),
  );
  await session.unpinned();
  // Resized while output comes, in which something is typed.
  terminal.enter(
    "for (let n = 0; n < 40; n++) { console.log('line', n); await new Promise((f) => setTimeout(f, 10)) }",
  );
  session.next++;
  terminal.resize(60 + (number % 3) * 30, ROWS - (number % 5));
  terminal.type(`'typed ${number}'`);
  session.keys += `'typed ${number}'`.length;
  await session.seen(/^line 39$/m);
  terminal.resize(100, ROWS);
  await session.seen(new RegExp(`^${session.next}> 'typed ${number}'$`, 'm'));
  terminal.keys('Enter');
  session.next++;
  await session.idle();

  terminal.keys('C-l');
  await session.idle();
  terminal.paste(`{\n  const pasted = ${number};\n  console.log('pasted', pasted);\n}\n`);
  await session.seen(/^ +}$/m);
  terminal.keys('Enter');
  session.next++;
  await session.seen(new RegExp(`^pasted ${number}$`, 'm'));
  await session.idle();
  terminal.type('edu.DMA_');
  terminal.keys('Tab');
  await session.seen(/DMA_SRC +register/);
  terminal.keys('C-c', 'C-u');
  await session.idle();
  terminal.enter("await input('question? ')");
  session.next++;
  await session.seen(/^question\?$/m);
  terminal.enter(`answer ${number}`);
  await session.seen(new RegExp(`^'answer ${number}'$`, 'm'));
  await session.idle();
}

interface Held {
  readonly prompt: number;
  readonly kernel: number;
}

const rss = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

function verdict(held: readonly Held[]): string {
  const third = Math.floor(held.length / 3);
  const words = (['prompt', 'kernel'] as const).map((who) => {
    const before = median(held.slice(third, 2 * third).map((each) => each[who]));
    const after = median(held.slice(-third).map((each) => each[who]));
    const said = `${who} ${before.toFixed(0)} → ${after.toFixed(0)}`;
    const allowed = held.length < COLD.rounds ? COLD.breath : Math.max(BREATH, before * 0.1);
    if (after - before > allowed) throw new Error(`the ${who} grows: ${said} MiB in ${held.length} rounds`);
    return said;
  });
  return words.join(', ');
}

export const prompt: Soak = {
  name: 'prompt',
  title: 'a session at the prompt',
  unit: 'seconds',
  count: 600,
  short: 2,
  run: async (seconds, spec) => {
    const state = mkdtempSync(join(tmpdir(), 'vfiolab-soak-'));
    const session = new Session(state, spec);
    try {
      session.next = 2;
      await session.idle();
      await session.cell("console.log('pids', process.ppid, process.pid)", /^pids \d+ \d+$/m);
      const [, front, kernel] = /^pids (\d+) (\d+)$/m.exec(await session.idle()) ?? [];
      const held: Held[] = [];
      const end = performance.now() + seconds * 1000;
      for (let number = 1; performance.now() < end || held.length < 3; number++) {
        await round(session, number);
        held.push({ prompt: rss(Number(front)), kernel: rss(Number(kernel)) });
      }
      session.terminal.keys('C-d');
      await session.seen(/^left 0$/m);
      return `${held.length} rounds, ${session.next - 1} cells, ${session.keys} keys seen, ${verdict(held)} (MiB; the second third and the last)`;
    } finally {
      session.terminal.close();
      rmSync(state, { recursive: true, force: true });
    }
  },
};
