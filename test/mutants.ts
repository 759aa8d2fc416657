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
import { type Mutant, MUTANTS } from './mutant.js';

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
  if (source.split(mutant.search).length !== 2) return 'its place is not there once';
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
