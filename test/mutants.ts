/**
 * `npm run test:mutants`: breaks one named place of lib/ or kernel/ at a time, and sees the tests that watch over it fail. Two copies of
 * this checkout are made, one whole and one to break: the tests must pass in the first, or their failing means nothing.
 *
 *     node dist/test/mutants.js [NAME…]     only those whose name contains a NAME
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import ts from 'typescript';
import { type CellLike, View } from '../lib/view.js';

interface Mutant {
  readonly name: string;
  /** Where, and what is replaced by what; `search` is there exactly once. */
  readonly file: string;
  readonly search: string;
  readonly replace: string;
  /** The test file that must go red, and the part of its tests' names that is enough to run. */
  readonly test: string;
  readonly only: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'an offset past the end reaches the card',
    file: 'lib/region.ts',
    search: 'offset > this.#end - bytes || offset % bytes !== 0) {',
    replace: 'offset % bytes !== 0) {',
    test: 'contract',
    only: 'an offset that is',
  },
  {
    name: 'a misaligned offset reaches the card',
    file: 'lib/region.ts',
    search: ' || offset % bytes !== 0) {',
    replace: ') {',
    test: 'contract',
    only: 'an offset that is',
  },
  {
    name: 'writing one field clears the others',
    file: 'lib/fields.ts',
    search: 'raw = (raw & ~(ones(field) << BigInt(field.lsb))) |',
    replace: 'raw =',
    test: 'registers',
    only: 'encoding replaces',
  },
  {
    name: 'a read-modify-write clears write-1-to-clear bits',
    file: 'lib/registers.ts',
    search: "(field) => field !== 'w1c'",
    replace: "(field) => field !== 'wo'",
    test: 'contract',
    only: 'write-1-to-clear bit that it does not name',
  },
  {
    name: 'a buffer lies above the DMA mask',
    file: 'lib/iova.ts',
    search: 'range.last < mask ? range.last : mask',
    replace: 'range.last',
    test: 'iova',
    only: 'above the mask',
  },
  {
    name: 'two buffers overlap',
    file: 'lib/iova.ts',
    search: 'at + size <= taken.first',
    replace: 'at <= taken.first',
    test: 'iova',
    only: 'never overlap',
  },
  {
    name: 'firings are lost',
    file: 'lib/irq.ts',
    search: 'this.#pending += fired;',
    replace: 'this.#pending = 1;',
    test: 'contract',
    only: 'no firing is lost',
  },
  {
    name: 'a card is opened twice',
    file: 'lib/open.ts',
    search: 'if (where !== undefined) {',
    replace: 'if (where === null) {',
    test: 'contract',
    only: 'a second time in one process',
  },
  {
    name: 'a fault on the bus is read as 0',
    file: 'lib/backends/access.ts',
    search: 'if (value === undefined) throw',
    replace: 'if (value === undefined) return 0;\n    throw',
    test: 'access',
    only: 'a fault in a window',
  },
  {
    name: 'the simulator does DMA without bus mastering',
    file: 'lib/sim/card.ts',
    search: 'pci.busMaster && !this.#inReset',
    replace: '!this.#inReset',
    test: 'contract',
    only: 'without bus mastering',
  },
  {
    name: 'a message with a wrong signature is taken',
    file: 'kernel/wire.ts',
    search: ' || !timingSafeEqual(expected, signature)',
    replace: '',
    test: 'kernel-wire',
    only: 'the signature covers every part',
  },
  {
    name: 'a cell with wrong types runs',
    file: 'kernel/compiler.ts',
    search: 'if (diagnostics.length > 0) return',
    replace: 'if (diagnostics.length < 0) return',
    test: 'kernel',
    only: 'types are checked before anything runs',
  },
  {
    name: 'a name declared anew keeps its card',
    file: 'kernel/session.ts',
    search: 'for (const name of names) if (Object.hasOwn(exports, name)) closeDevice(exports[name]);',
    replace: '',
    test: 'kernel',
    only: 'closes the card that the name held',
  },
  {
    name: 'outputs overtake the text printed before them',
    file: 'kernel/iopub.ts',
    search: '    this.flush();\n    this.#send(type, content, parent, metadata);',
    replace: '    this.#send(type, content, parent, metadata);',
    test: 'kernel',
    only: 'errors say exactly where|a View is HTML|display shows at once|20,000 lines',
  },
  {
    name: 'an interrupt cannot stop what no guard reaches',
    file: 'kernel/interrupt.ts',
    search: "inspector.post('Runtime.terminateExecution', () => {});",
    replace: '',
    test: 'kernel-interrupt',
    only: 'a regular expression is interrupted',
  },
];

/** Milliseconds. Tests that hang on a mutant have seen it. */
const TIMEOUT = 120_000;

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'vfiolab-mutants-'));

function copy(name: string): string {
  const to = join(folder, name);
  const skipped = ['node_modules', '.git'].map((path) => join(root, path));
  cpSync(root, to, { recursive: true, filter: (from) => !skipped.includes(from) });
  symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
  return to;
}

/** Compiles one file of a copy; types do not matter. */
function compile(checkout: string, file: string, source: string): void {
  const { options = {} } =
    ts.getParsedCommandLineOfConfigFile(
      join(root, 'tsconfig.json'),
      {},
      { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} },
    ) ?? {};
  const compilerOptions = {
    ...options,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const { outputText } = ts.transpileModule(source, { compilerOptions, fileName: file });
  writeFileSync(join(checkout, 'dist', file.replace(/\.ts$/, '.js')), outputText);
}

type Outcome = 'passes' | 'fails' | 'hangs' | 'has no such test';

async function run(checkout: string, { test, only }: Mutant): Promise<Outcome> {
  const args = ['--test-reporter=tap', `--test-name-pattern=${only}`, join('dist', 'test', `${test}.test.js`)];
  const { VFIOLAB_DEVICE: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const child = spawn(process.execPath, args, {
    ...{ cwd: checkout, env, timeout: TIMEOUT, killSignal: 'SIGKILL' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (signal !== null) return 'hangs';
  if (code !== 0) return 'fails';
  return /^# pass [1-9]/m.test(output) ? 'passes' : 'has no such test';
}

/** What became of a mutant, in words; undefined where it was seen. */
async function survives(mutant: Mutant, whole: string, broken: string): Promise<string | undefined> {
  const source = readFileSync(join(root, mutant.file), 'utf8');
  const places = source.split(mutant.search).length - 1;
  if (places !== 1) return `its place is there ${places} times`;
  compile(
    broken,
    mutant.file,
    source.replace(mutant.search, () => mutant.replace),
  );
  const [before, after] = await Promise.all([run(whole, mutant), run(broken, mutant)]);
  compile(broken, mutant.file, source);
  if (before !== 'passes') return `its test ${before} without it`;
  return after === 'fails' || after === 'hangs' ? undefined : `its test ${after} with it`;
}

const wanted = process.argv.slice(2);
const mutants = MUTANTS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
const rows: CellLike[][] = [];
let seen = 0;
try {
  const [whole, broken] = [copy('whole'), copy('broken')];
  for (const mutant of mutants) {
    process.stderr.write(`${mutant.name} … `);
    const survived = await survives(mutant, whole, broken);
    process.stderr.write(`${survived ?? 'seen'}\n`);
    if (survived === undefined) seen++;
    const verdict: CellLike = { text: survived ?? 'seen', tone: survived === undefined ? 'good' : 'bad' };
    rows.push([mutant.name, mutant.file, `${mutant.test}.test.ts`, verdict]);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(new View(`${seen} of ${mutants.length} mutants seen`, ['mutant', 'file', 'test', ''], rows));
if (seen < mutants.length || mutants.length === 0) process.exitCode = 1;
