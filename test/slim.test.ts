/** The types that a session begins with: enough for the package's own declarations, and nothing that Node's types do not say. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import ts from 'typescript';
import { cellTypes } from '../kernel/overlay.js';
import { SLIM_TYPES } from '../kernel/slim.js';
import { Compiling } from './compiler.js';
import { Bench } from './kernel-bench.js';

const ROOT = path.join(import.meta.dirname, '../..');
const SLIM = '/slim.d.ts';
const CELL = '/index.d.ts';

function program(roots: readonly string[], types: string[]): ts.Program {
  const options: ts.CompilerOptions = {
    ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, strict: true, noEmit: true, types },
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    paths: { vfiolab: [path.join(ROOT, 'dist/lib/index.d.ts')] },
    typeRoots: [path.join(ROOT, 'node_modules/@types')],
  };
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  const texts = new Map([
    [SLIM, SLIM_TYPES],
    ...Object.entries(cellTypes()).map(([name, text]) => [`/${name}`, text] as const),
  ]);
  host.readFile = (name) => texts.get(name) ?? readFile(name);
  host.fileExists = (name) => texts.has(name) || fileExists(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = texts.get(name);
    return text === undefined ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, text, version);
  };
  return ts.createProgram(roots, options, host);
}

describe('the slim types', { timeout: 120_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.end());

  test('the package stands on them', () => {
    const slim = program([SLIM, CELL], []);
    assert.deepEqual(
      ts
        .getPreEmitDiagnostics(slim)
        // Of an alias to what is exported as a type: it works, and only a library's text says so.
        .filter(({ code }) => code !== 1379)
        .map(({ file, code, messageText }) => `${file?.fileName}: ${code} ${JSON.stringify(messageText)}`),
      [],
    );
  });

  test('they name nothing that Node has not', () => {
    const slim = program([SLIM], []);
    const full = program([path.join(ROOT, 'dist/test/slim.test.d.ts')], ['node']);
    const whole = full.getTypeChecker();
    const there = ts.SymbolFlags.Value | ts.SymbolFlags.Type | ts.SymbolFlags.Namespace;
    const globals = new Map(
      whole.getSymbolsInScope(full.getSourceFiles()[0] as ts.SourceFile, there).map((each) => [each.name, each]),
    );
    const checker = slim.getTypeChecker();
    const declared = checker
      .getSymbolsInScope(slim.getSourceFile(SLIM) as ts.SourceFile, there)
      .filter(({ declarations }) => declarations?.some((each) => each.getSourceFile().fileName === SLIM));
    assert.ok(declared.length > 15);
    for (const symbol of declared) {
      const real = globals.get(symbol.name);
      assert.ok(real, symbol.name);
      if (!(symbol.flags & ts.SymbolFlags.Interface)) continue;
      for (const member of checker.getDeclaredTypeOfSymbol(symbol).getProperties()) {
        if (member.name.startsWith('__@')) continue;
        assert.ok(whole.getDeclaredTypeOfSymbol(real).getProperty(member.name), `${symbol.name}.${member.name}`);
      }
    }
  });

  test('what small cells call is among them', async () => {
    const compiling = new Compiling();
    try {
      await compiling.declare(
        "const words = new TextEncoder().encode('abc'), { pid } = process, of = process.env.DEVICE",
      );
      await compiling.declare('const back = new TextDecoder().decode(words), start = process.hrtime.bigint()');
      await compiling.declare('const said: string = [pid, of, back, process.hrtime.bigint() - start].join()');
      assert.equal(await compiling.isWide(), false);
    } finally {
      await compiling.end();
    }
  });

  test('a cell that needs more of Node has it, and what earlier cells declared stays', async () => {
    await bench.run("const timer = setTimeout(() => {}, 1); const held: AbortSignal = signal; const n = 'kept'");
    assert.deepEqual(
      (await bench.kernel.complete('console.ti', 10)).matches.map(({ text }) => text),
      ['time', 'timeEnd', 'timeLog'],
    );
    assert.equal((await bench.run('process.release.name + n')).result, "'nodekept'");
    assert.equal(
      (await bench.run("import { readFileSync } from 'node:fs'; typeof readFileSync + n")).result,
      "'functionkept'",
    );
    assert.equal((await bench.run('clearTimeout(timer); timer.unref(); held.aborted')).result, 'false');
    assert.match(
      (await bench.run("import { nothing } from 'node:fs'")).reply.evalue ?? '',
      /no exported member 'nothing'/,
    );
    assert.match((await bench.run('process.nothing')).reply.evalue ?? '', /'nothing' does not exist on type 'Process'/);
  });

  test('completion knows all of Node too', async () => {
    for (const [code, name] of [
      ['process.', 'platform'],
      ['performance.', 'mark'],
    ] as const) {
      const fresh = await Bench.start();
      const { matches } = await fresh.kernel.complete(code, code.length);
      await fresh.end();
      assert.ok(
        matches.some(({ text }) => text === name),
        name,
      );
    }
    const fresh = await Bench.start();
    try {
      const names = async (code: string) =>
        (await fresh.kernel.complete(code, code.length)).matches.map(({ text }) => text);
      assert.ok((await names('proces')).includes('process'));
      assert.deepEqual(await names('process.versi'), ['version', 'versions']);
      assert.ok((await names("import fs from 'node:f")).includes('node:fs'));
    } finally {
      await fresh.end();
    }
  });
});
