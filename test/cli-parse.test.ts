/** The command line: words to a command and its options, numbers, places, and what is said of wrong ones. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Call } from '../repl/commands/command.js';
import { helpPage } from '../repl/commands/help.js';
import { parseNumber, parsePlace, parseRegister, parseWidth } from '../repl/commands/operand.js';
import { parseCommandLine } from '../repl/commands/parse.js';
import { nearest } from '../repl/commands/suggest.js';
import { COMMANDS } from '../repl/commands/table.js';

const parse = (line: string) => parseCommandLine(line.split(' ').filter(Boolean), COMMANDS);

function callOf(line: string): Call {
  const parsed = parse(line);
  assert.equal(parsed.kind, 'call');
  return { ...parsed.call, signal: new AbortController().signal };
}

describe('a command line', () => {
  const cases: readonly [line: string, name: string, operands: string[], flags: string[], values: object][] = [
    ['', 'repl', [], [], {}],
    ['0000:01:00.0', 'repl', ['0000:01:00.0'], [], {}],
    ['10001:80:05.0', 'repl', ['10001:80:05.0'], [], {}],
    ['repl sim:edu', 'repl', ['sim:edu'], [], {}],
    ['list --json', 'list', [], ['json'], {}],
    ['peek sim:edu bar0+0 --width 64', 'peek', ['sim:edu', 'bar0+0'], [], { width: '64' }],
    ['peek --width=8 sim:edu bar0+0', 'peek', ['sim:edu', 'bar0+0'], [], { width: '8' }],
    ['dump sim:edu config -o x.bin', 'dump', ['sim:edu', 'config'], [], { output: 'x.bin' }],
    ['dump sim:edu config -o -', 'dump', ['sim:edu', 'config'], [], { output: '-' }],
    ['run a.ipynb --device sim:edu', 'run', ['a.ipynb'], [], { device: 'sim:edu' }],
    ['kernel install --prefix /x', 'kernel install', [], [], { prefix: '/x' }],
  ];
  for (const [line, name, operands, flags, values] of cases) {
    test(`'${line}'`, () => {
      const call = callOf(line);
      assert.equal(call.command.name, name);
      assert.deepEqual(call.operands, operands);
      assert.deepEqual([...call.flags], flags);
      assert.deepEqual(Object.fromEntries(call.values), values);
    });
  }
  test('asks for help or the version', () => {
    assert.deepEqual(parse('--help'), { kind: 'help', words: [] });
    assert.deepEqual(parse('peek -h'), { kind: 'help', words: ['peek'] });
    assert.deepEqual(parse('kernel install --help'), { kind: 'help', words: ['kernel', 'install'] });
    assert.deepEqual(parse('--version'), { kind: 'version' });
  });
});

describe('a wrong command line is a usage error that says what to do', () => {
  const cases: readonly [line: string, message: string][] = [
    ['lsit', `vfiolab: lsit: unknown command; did you mean 'vfiolab list'?`],
    ['frobnicate', `vfiolab: frobnicate: unknown command; 'vfiolab --help' lists the commands`],
    [
      'kernel',
      `vfiolab: kernel: 'kernel' needs a second word; use vfiolab kernel install, vfiolab kernel list, vfiolab kernel remove`,
    ],
    [
      'kernel start',
      `vfiolab: kernel: unknown command 'kernel start'; use vfiolab kernel install, vfiolab kernel list, vfiolab kernel remove`,
    ],
    ['list --jsno', 'vfiolab list: --jsno: unknown option; did you mean --json?'],
    ['list --frobnicate', `vfiolab list: --frobnicate: unknown option; 'vfiolab help list' lists the options`],
    ['--jsno', `vfiolab repl: --jsno: unknown option; 'vfiolab help repl' lists the options`],
    ['list --json=yes', 'vfiolab list: --json: takes no value; use --json alone'],
    ['peek sim:edu bar0+0 --width', 'vfiolab peek: --width: a value is missing; use --width BITS'],
    ['peek sim:edu bar0+0 --width --json', 'vfiolab peek: --width: a value is missing; use --width BITS'],
    [
      'peek sim:edu',
      'vfiolab peek: operands: 2 needed, 1 given; use vfiolab peek SPEC REGION+OFFSET|NAME [--width BITS] [--vf-token UUID] [--json]',
    ],
    [
      'list all',
      `vfiolab list: operands: 'all' is one too many; use vfiolab list [-s SLOT] [-d ID] [--subsystem ID] [--json]`,
    ],
    ['poke sim:edu bar0+4 -1', `vfiolab poke: -1: numbers are not negative; use two's complement: 0xffff_ffff for -1`],
  ];
  test('an empty word', () => {
    assert.throws(() => parseCommandLine([''], COMMANDS), { message: /^vfiolab: '': unknown command; / });
  });
  for (const [line, message] of cases) {
    test(`'${line}'`, () => assert.throws(() => parse(line), { name: 'UsageError', message }));
  }
});

describe('operands', () => {
  const call = callOf('list');

  test('numbers are hex, decimal, binary, with underscores, of any size', () => {
    const cases: readonly [string, bigint][] = [
      ['0', 0n],
      ['31', 31n],
      ['1_000', 1000n],
      ['0x1f', 0x1fn],
      ['0XdeadBEEF', 0xdeadbeefn],
      ['0xffff_ffff_ffff_ffff', 2n ** 64n - 1n],
      ['0b1_1111', 31n],
    ];
    for (const [text, value] of cases) assert.equal(parseNumber(call, text), value, text);
  });

  test('and nothing else', () => {
    for (const text of ['', ' ', 'x', '0x', '0b2', '1.5', '-1', '1e3', '1__0', '_1', '1_', '0x_1', '10n', '12h', ' 1'])
      assert.throws(() => parseNumber(call, text), {
        name: 'UsageError',
        message: /: not a number; use one such as 0x1f/,
      });
  });

  test('places are a region, an offset, a length', () => {
    assert.deepEqual(parsePlace(call, 'config'), { region: 'config' });
    assert.deepEqual(parsePlace(call, 'bar0+0x80'), { region: 'bar0', offset: 0x80 });
    assert.deepEqual(parsePlace(call, 'BAR2+0x80:0b100'), { region: 'bar2', offset: 0x80, length: 4 });
    assert.deepEqual(parseRegister(call, 'config+6'), { region: 'config', offset: 6 });
  });

  test('and wrong ones say how they look', () => {
    const cases: readonly [text: string, message: RegExp][] = [
      ['', /not a place in a region; use REGION/],
      ['0x10', /not a place in a region/],
      ['bar0-4', /not a place in a region/],
      ['bar0:16', /not a place in a region/],
      ['bar0+', /not a number/],
      ['bar0+0:', /not a number/],
      ['bar0+4+4', /4\+4: not a number/],
      ['bar0+0x20_0000_0000_0000', /larger than any region/],
    ];
    for (const [text, message] of cases)
      assert.throws(() => parsePlace(call, text), { name: 'UsageError', message }, text);
    assert.throws(() => parseRegister(call, 'bar0'), { message: /the offset is missing; use bar0\+OFFSET/ });
    assert.throws(() => parseRegister(call, 'bar0+0:4'), { message: /a single access has no length/ });
  });

  test('widths are 8, 16, 32 or 64, and 32 where none is given', () => {
    const width = (text: string) => parseWidth(callOf(`peek sim:edu bar0+0 --width ${text}`));
    assert.deepEqual(['8', '16', '32', '64'].map(width), [8, 16, 32, 64]);
    assert.equal(parseWidth(callOf('peek sim:edu bar0+0')), 32);
    for (const text of ['0', '33', '128', '032', '0x20', 'word']) {
      assert.throws(() => width(text), { name: 'UsageError', message: /: not a width; use 8, 16, 32 or 64$/ });
    }
  });
});

test('the help tells of every command and every option', () => {
  const overview = helpPage([]);
  for (const command of COMMANDS) {
    assert.ok(overview.includes(`  ${command.name} ${command.usage}`.trimEnd()), command.name);
    const page = helpPage(command.name.split(' '));
    for (const [name, option] of Object.entries(command.options)) {
      assert.ok(page.includes(`--${name}`) && page.includes(option.help), `${command.name} --${name}`);
    }
    for (const example of command.examples) assert.ok(page.includes(example));
    assert.ok(
      page.split('\n').every((line) => line.length <= 120),
      `${command.name}: a line of the help is too long`,
    );
  }
  assert.throws(() => helpPage(['peke']), { message: /did you mean 'vfiolab peek'/ });
  assert.match(helpPage(['kernel']), /kernel install[\s\S]*kernel remove/);
});

test('every example of the help is a command line that parses', () => {
  for (const command of COMMANDS) {
    for (const example of command.examples) {
      const [program, ...words] = example.replace(/ \|.*/, '').split(' ');
      assert.equal(program, 'vfiolab');
      const parsed = parseCommandLine(words, COMMANDS);
      assert.equal(parsed.kind === 'call' && parsed.call.command.name, command.name, example);
    }
  }
});

test('a suggestion is near, or is not made', () => {
  const known = ['list', 'info', 'dump', 'peek', 'poke'];
  const cases: readonly [word: string, near: string | undefined][] = [
    ['lst', 'list'],
    ['lits', 'list'],
    ['pek', 'peek'],
    ['pokee', 'poke'],
    ['xyzzy', undefined],
    ['', undefined],
  ];
  for (const [word, near] of cases) assert.equal(nearest(word, known), near, word);
});
