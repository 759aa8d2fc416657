/** Colours: how many a terminal has, what each look is in them, and what becomes of a cell's own; and none at all. */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: colours are escape sequences
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { WriteStream } from 'node:tty';
import { harmless, paint } from '../repl/ansi.js';
import { type Look, span } from '../repl/line.js';
import { adapted, type Colours, coloursOf, RICH, sgr } from '../repl/palette.js';
import { needs } from './needs.js';
import { Tmux } from './tmux.js';

const CLI = join(import.meta.dirname, '..', 'repl', 'cli.js');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true, force: true }));

describe('how many colours a terminal has', () => {
  const rows: readonly (readonly [env: Record<string, string>, colours: Colours])[] = [
    [{ TERM: 'xterm' }, 16],
    [{ TERM: 'linux' }, 16],
    [{ TERM: 'screen' }, 16],
    [{ TERM: 'xterm-256color' }, 256],
    [{ TERM: 'screen-256color' }, 256],
    [{ TERM: 'xterm-direct' }, 'true'],
    [{ TERM: 'xterm-256color', COLORTERM: 'truecolor' }, 'true'],
    [{ TERM: 'xterm-kitty', COLORTERM: '24bit' }, 'true'],
    [{ TERM: 'xterm', COLORTERM: 'yes' }, 16],
    [{ TERM: 'screen.xterm-256color', COLORTERM: 'truecolor' }, 256],
    [{ TERM: 'screen', COLORTERM: 'truecolor', TMUX: '/tmp/x,1,0' }, 'true'],
    [{ TERM: 'screen', TMUX: '/tmp/x,1,0' }, 16],
    [{ TERM: 'xterm', CI: 'true' }, 16],
    [{ TERM: 'vt52' }, false],
    [{ TERM: 'dumb' }, false],
    [{}, false],
    [{ TERM: 'dumb', COLORTERM: 'truecolor' }, false],
    [{ TERM: 'xterm-256color', NO_COLOR: '1' }, false],
    [{ TERM: 'xterm-256color', NO_COLOR: '' }, 256],
    [{ TERM: 'xterm-256color', FORCE_COLOR: '0' }, false],
    [{ TERM: 'xterm-256color', FORCE_COLOR: '1' }, 16],
    [{ TERM: 'dumb', FORCE_COLOR: '2' }, 256],
    [{ TERM: 'dumb', FORCE_COLOR: '3' }, 'true'],
    [{ TERM: 'dumb', FORCE_COLOR: '' }, 16],
  ];
  const stdout = { getColorDepth: (env?: object) => WriteStream.prototype.getColorDepth.call(undefined, env) };
  for (const [env, colours] of rows)
    test(
      Object.entries(env)
        .map((each) => each.join('='))
        .join(' ') || 'no environment',
      () => assert.equal(coloursOf(stdout, env), colours),
    );
});

describe('a look', () => {
  test('is one of the 16, of the 256, true, or none; attributes stay', () => {
    const line = [span('IRQ', 'name'), span(' '), span('no', 'bad'), span('x', 'changed')];
    const painted = (colours: Colours): string => paint(line, colours).replaceAll('\x1b[', '<');
    assert.equal(painted(false), 'IRQ nox');
    assert.equal(painted(16), '<36mIRQ<0m <1;31mno<0m<7mx<0m');
    assert.equal(painted(256), '<38;5;30mIRQ<0m <1;38;5;196mno<0m<7mx<0m');
    assert.equal(painted('true'), '<38;2;0;130;139mIRQ<0m <1;38;2;229;30;40mno<0m<7mx<0m');
  });

  // Ref: WCAG 2.1, relative luminance and contrast ratio
  const light = (rgb: readonly number[]): number => {
    const [r, g, b] = rgb.map((value) =>
      value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * (r ?? 0) + 0.7152 * (g ?? 0) + 0.0722 * (b ?? 0);
  };
  const worst = (rgb: readonly number[]): number => Math.min(1.05 / (light(rgb) + 0.05), (light(rgb) + 0.05) / 0.05);
  const steps = [0, 95, 135, 175, 215, 255];
  const xterm = (index: number): number[] =>
    index >= 232
      ? Array(3).fill(8 + 10 * (index - 232))
      : [(index - 16) / 36, ((index - 16) / 6) % 6, (index - 16) % 6].map((step) => steps[Math.floor(step)] ?? 0);
  for (const [look, [, index, rgb]] of Object.entries(RICH))
    test(`${look} reads on white and on black`, () => {
      assert.ok(worst(xterm(index)) >= 3.9, `${index}: ${worst(xterm(index))}`);
      assert.ok(worst(rgb) >= 4.5, `${rgb}: ${worst(rgb)}`);
      assert.notEqual(sgr(look as Look, 16), '');
    });
});

describe("a cell's own colours", () => {
  const rows: readonly (readonly [given: string, in256: string, in16: string])[] = [
    ['31', '31', '31'],
    ['1;38;5;196', '1;38;5;196', '1;91'],
    ['38;2;255;0;0', '38;5;196', '91'],
    ['38;2;0;0;128;1', '38;5;18;1', '34;1'],
    ['48;2;0;128;0;38;2;255;255;255', '48;5;28;38;5;231', '42;97'],
    ['38:2::255:255:0', '38;5;226', '93'],
    ['38;2;128;128;128', '38;5;244', '90'],
    ['38;5;16', '38;5;16', '30'],
    ['48;5;9', '48;5;9', '101'],
    ['0', '0', '0'],
    ['', '', ''],
  ];
  for (const [given, in256, in16] of rows)
    test(given || 'none', () => {
      assert.equal(adapted(given, 256), in256);
      assert.equal(adapted(given, 16), in16);
      assert.equal(adapted(given, 'true'), given);
    });
  test('go where there are none, and nothing else comes with them', () => {
    const text = '\x1b[38;2;255;0;0mred\x1b[2J\x1b[0m';
    assert.equal(harmless(text, false), 'red');
    assert.equal(harmless(text, 16), '\x1b[91mred\x1b[0m\x1b[0m');
    assert.equal(harmless(text, 'true'), '\x1b[38;2;255;0;0mred\x1b[0m\x1b[0m');
  });
});

let serial = 0;
const environment = (): Record<string, string> => ({ XDG_STATE_HOME: join(folder, `${serial++}`), CI: 'true' });

describe('in a terminal', needs('tmux'), () => {
  const rows = [
    ['16', { TERM: 'screen' }, /\x1b\[36mbar0/, /\x1b\[91mred/, /\x1b\[31m[^\n]*Error: bad/],
    [
      '256',
      { TERM: 'tmux-256color' },
      /\x1b\[38;5;30mbar0/,
      /\x1b\[38;5;196mred/,
      /\x1b\[(?:1;)?38;5;196m[^\n]*Error: bad/,
    ],
    [
      'true',
      { TERM: 'screen', COLORTERM: 'truecolor' },
      /\x1b\[38;2;0;130;139mbar0/,
      /\x1b\[38;2;255;0;0mred/,
      /\x1b\[(?:1;)?38;2;229;30;40m[^\n]*Error: bad/,
    ],
    ['no', { TERM: 'tmux-256color', NO_COLOR: '1' }, /^[^\x1b]*bar0/m, /^red/m, /^Error: bad/m],
  ] as const;
  for (const [name, { TERM, ...env }, look, own, bad] of rows)
    test(`${name} colours`, async () => {
      using terminal = new Tmux(`'${process.execPath}' '${CLI}' repl sim:edu`, {
        columns: 80,
        term: TERM,
        env: { ...environment(), ...env },
      });
      terminal.enter("console.log('\\x1b[38;2;255;0;0mred\\x1b[0m')");
      terminal.enter('dev');
      terminal.enter("throw new Error('bad')");
      await terminal.until(/ bar0(?:.|\n)*^Error: bad(?:.|\n)*^5>/m);
      const text = await terminal.until(own, { colours: true });
      assert.match(text, look);
      assert.match(text, bad);
      if (name === 'no') assert.doesNotMatch(text, /\x1b/);
    });
});

describe('lines only', () => {
  for (const [name, flags, TERM] of [
    ['--plain', ['--plain'], 'xterm-256color'],
    ['a dumb terminal', [], 'dumb'],
  ] as const)
    test(`${name}: nothing that moves a cursor or has a colour; an incomplete cell, Ctrl-C, Ctrl-D`, async () => {
      // script(1) gives it a terminal and hands on the very bytes. Without exec some shells stay between the two, and hear Ctrl-C too.
      const command = [process.execPath, CLI, 'repl', 'sim:edu', ...flags].map((word) => `'${word}'`).join(' ');
      const child = spawn('script', ['-qefc', `exec ${command}`, '/dev/null'], {
        env: { ...process.env, ...environment(), TERM },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const until = async (wanted: RegExp): Promise<void> => {
        while (!wanted.test(said)) await once(child.stdout, 'data', { signal: AbortSignal.timeout(60_000) });
      };
      await until(/2> $/);
      child.stdin.write('edu.STATUS.read()\n');
      await until(/3> $/);
      child.stdin.write('for (const n of [1, 2]) {\n');
      await until(/\n\.\. $/);
      child.stdin.write('console.log(n)\n');
      await until(/console\.log\(n\)\r\n\.\. $/);
      child.stdin.write('}\n');
      await until(/\}\r\n1\r\n2\r\n4> $/);
      child.stdin.write("console.log('spins'); for (;;) {}\n");
      await until(/\r\nspins\r\n$/);
      child.stdin.write('\x03');
      await until(/KeyboardInterrupt(?:.|\r\n)*5> $/);
      child.stdin.write('\x04');
      assert.deepEqual(await once(child, 'close'), [0, null]);
      assert.doesNotMatch(said, /\x1b/);
      assert.match(said, /STATUS = 0x00000000\r\n {2}\[7\] {2}IRQ/);
    });
});
