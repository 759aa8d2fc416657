/** The table of parity.ts is true: each call exists, each test is there, and what depends on the kernel runs on its own VFIO. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { CELL_GLOBALS } from '../kernel/scope.js';
import * as lab from '../lib/index.js';
import { COMMANDS } from '../repl/commands/table.js';
import { PARITY } from './parity.js';
import type { Row } from './parity/row.js';

const sources = join(import.meta.dirname, '..', '..', 'test');
/** These run in the guest: its own files, and the contract, which one of them calls. */
const IN_THE_GUEST = /^(vm\/|contract)/;

/** One of each class that users hold, to look for members on. */
const dev = lab.open('sim:edu');
const edu = dev.bar(0).registers(lab.EDU);
const HELD: Readonly<Record<string, object>> = {
  Device: dev,
  Region: dev.bar(0),
  Config: dev.config,
  Register: edu.STATUS,
  DmaBuffer: dev.dma(4096, { mask: lab.EDU_DMA_MASK }),
  Irq: dev.enableIrqs('msi')[0],
  Snapshot: lab.snapshot(edu),
};

/** Why a name is none of ours; undefined where it is. */
function missing(name: string): string | undefined {
  const [kind = '', word = ''] = name.split(' ');
  if (kind === 'command') return COMMANDS.some((command) => command.name === word) ? undefined : `no command ${word}`;
  if (kind === 'cell') return new RegExp(`\\b${word}\\b`).test(CELL_GLOBALS) ? undefined : `no ${word} in cells`;
  const [holder = '', member] = name.split('.');
  if (member === undefined) return holder in lab ? undefined : `no export ${holder}`;
  const held = HELD[holder];
  return held !== undefined && member in held ? undefined : `no ${member} on ${holder}`;
}

/** The names of all tests in a source, as they are written there; '*' for what a template fills in. */
function namesOf(source: string): string[] {
  const calls = source.matchAll(/\b(?:test|on|it)\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1/g);
  return [...calls].map(([, , name = '']) => name.replace(/\$\{[^}]*\}/g, '*'));
}

/** Of those, the names of tests that some kernels skip: they are given the options for it by name. */
function skippedOn(source: string): string[] {
  const calls = source.matchAll(/\btest\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1,\s*(?:options|kernelHasIt),/g);
  return [...calls].map(([, , name = '']) => name);
}

/** Everything that is wrong with a row. */
function wrong(row: Row): string[] {
  const names = row.api.flatMap((name) => missing(name) ?? []);
  const tests = row.shown.flatMap(([file, name]) => {
    const path = join(sources, file);
    if (!existsSync(path)) return [`no file test/${file}`];
    return namesOf(readFileSync(path, 'utf8')).includes(name) ? [] : [`no test '${name}' in test/${file}`];
  });
  const real = row.shown.filter(([file]) => IN_THE_GUEST.test(file));
  const some = real.filter(([file, name]) => {
    const path = join(sources, file);
    return existsSync(path) && skippedOn(readFileSync(path, 'utf8')).includes(name);
  });
  const where: string[] = [];
  if (row.anywhere === undefined && real.length === 0) where.push('no test of it runs in the guest');
  if (row.kernel === undefined && real.length > 0 && some.length === real.length)
    where.push('not on every kernel, and does not say on which');
  return [...names, ...tests, ...where];
}

for (const [of, rows] of Object.entries(PARITY)) {
  describe(of, () => {
    for (const row of rows) test(row.there, () => assert.deepEqual(wrong(row), []));
  });
}

test('a row that is not true is seen', () => {
  const row = (part: Partial<Row>): Row => ({ there: '', here: '', api: [], shown: [], anywhere: 'here', ...part });
  assert.deepEqual(wrong(row({ api: ['opne', 'Device.dam', 'command lits', 'cell wacth'] })), [
    'no export opne',
    'no dam on Device',
    'no command lits',
    'no wacth in cells',
  ]);
  assert.deepEqual(wrong(row({ shown: [['contract.ts', 'a dump']] })), ["no test 'a dump' in test/contract.ts"]);
  assert.deepEqual(wrong(row({ shown: [['nowhere.ts', '']] })), ['no file test/nowhere.ts']);
  const { anywhere: _, ...bare } = row({
    shown: [['cli-parse.test.ts', 'numbers are hex, decimal, binary, with underscores, of any size']],
  });
  assert.deepEqual(wrong(bare), ['no test of it runs in the guest']);
  const iommufd = row({ shown: [['vm/inside/errnos.ts', 'the errnos of an IOAS and of its device, each in words']] });
  assert.deepEqual(wrong(iommufd), ['not on every kernel, and does not say on which']);
  assert.deepEqual(wrong({ ...iommufd, kernel: 'IOMMUFD' }), []);
});

after(() => dev.close());
