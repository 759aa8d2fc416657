/** TypeScript as of today in cells: using, decorators, JSX, JSON, the folder's own modules and its tsconfig. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Bench } from './kernel-bench.js';

const GONE = /was disposed when its cell ended, as a top-level 'using' is; declare it with 'const' to keep it/;

describe('TypeScript in cells', { timeout: 300_000 }, () => {
  let bench: Bench;
  const write = (file: string, text: string): void => {
    const at = path.join(bench.folder, file);
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, text);
  };
  before(async () => {
    bench = await Bench.start();
  });
  after(() => bench.end());

  test('a top-level using is disposed when its cell ends, its last value shown; later its name is an error that says so', async () => {
    await bench.run('const log: string[] = []');
    const using = "using d = { n: 7, [Symbol.dispose]() { log.push('gone') } }; log.push('body'); d.n";
    assert.equal((await bench.run(using)).result, '7');
    assert.equal((await bench.run('log.join()')).result, "'body,gone'");
    const later = await bench.run('d.n');
    assert.match(later.reply.evalue ?? '', GONE);
    assert.match(later.reply.traceback?.[0] ?? '', /^In\[\d+\]:1:1 - error TS2304: 'd' was/);
    const waits = "await using e = { async [Symbol.asyncDispose]() { await null; log.push('late') } }; log.length";
    assert.equal((await bench.run(waits)).result, '2');
    assert.equal((await bench.run('log.at(-1)')).result, "'late'");
    assert.match((await bench.run('e')).reply.evalue ?? '', GONE);
    assert.equal((await bench.run("using card = open('sim:edu'); card.bar(0).read32(0)")).result, '16777453');
    assert.match((await bench.run('card.bar(0)')).reply.evalue ?? '', GONE);
    assert.equal((await bench.run("const card = open('sim:edu'); card.closed")).result, 'false');
    await bench.run('card.close()');
    const failed = await bench.run("using f = { [Symbol.dispose]() { log.push('after') } }; throw new Error('half')");
    assert.equal(failed.reply.evalue, 'half');
    assert.equal((await bench.run('log.at(-1)')).result, "'after'");
  });

  test('decorators are the standard ones', async () => {
    const code = `function twice(f: (n: number) => number, { name }: ClassMethodDecoratorContext) { return (n: number) => 2 * f(n) + name.toString().length }
      class A { @twice add(n: number) { return n + 1 } }
      new A().add(4)`;
    assert.equal((await bench.run(code)).result, '13');
  });

  test('JSON, and modules of the folder with and without their extension', async () => {
    write('data.json', '{ "a": [1, 2] }');
    write('parts/words.ts', "export const word: string = 'one';\n");
    assert.equal((await bench.run("import data from './data.json';\ndata.a.length")).result, '2');
    assert.equal((await bench.run("import more from './data.json' with { type: 'json' };\nmore.a[1]")).result, '2');
    assert.equal((await bench.run("import { word } from './parts/words.ts';\nword")).result, "'one'");
    assert.equal((await bench.run("import { word as again } from './parts/words';\nagain")).result, "'one'");
    write('parts/words.ts', "export const word: string = 'two';\nexport const count = 2;\n");
    assert.equal(
      (await bench.run("import { word as third, count } from './parts/words.ts';\nthird + count")).result,
      "'two2'",
    );
    assert.equal((await bench.run('import.meta.dirname === __dirname && __dirname.length > 1')).result, 'true');
  });

  test('JSX, by the types and the runtime of the folder', async () => {
    assert.match((await bench.run('const no = <b>x</b>')).reply.evalue ?? '', /react\/jsx-runtime/);
    const at = 'node_modules/react';
    write(
      `${at}/package.json`,
      '{ "name": "react", "version": "1.0.0", "exports": { "./jsx-runtime": { "types": "./jsx-runtime.d.ts", "default": "./jsx-runtime.js" } } }',
    );
    write(`${at}/jsx-runtime.js`, 'exports.jsx = exports.jsxs = (type, props) => ({ type, props });\n');
    write(
      `${at}/jsx-runtime.d.ts`,
      'export namespace JSX { interface Element { type: string; props: { children?: unknown } } interface IntrinsicElements { b: { id?: string; children?: unknown } } interface ElementChildrenAttribute { children: unknown } }\nexport function jsx(type: unknown, props: unknown): JSX.Element; export const jsxs: typeof jsx;\n',
    );
    assert.equal((await bench.run("const bold = <b id='x'>{1 + 1}</b>; bold.props.children")).result, '2');
    assert.match((await bench.run('<b wrong={1}/>')).reply.evalue ?? '', /wrong/);
    // what can be read without JSX is
    assert.equal((await bench.run('const id = <T>(x: T) => x; const n = <number>id(3); n')).result, '3');
  });

  test("types of the folder's node_modules, and its tsconfig", async () => {
    const own = await Bench.start();
    try {
      const at = path.join(own.folder, 'node_modules/@types/lab');
      mkdirSync(at, { recursive: true });
      writeFileSync(path.join(at, 'index.d.ts'), 'declare const LAB: { bench: number } | undefined;\n');
      writeFileSync(
        path.join(at, 'package.json'),
        '{ "name": "@types/lab", "version": "1.0.0", "types": "index.d.ts" }',
      );
      writeFileSync(
        path.join(own.folder, 'tsconfig.json'),
        '{ // ours\n "compilerOptions": { "paths": { "@own/*": ["./own/*"] }, "types": ["lab"], "strict": false } }',
      );
      mkdirSync(path.join(own.folder, 'own'));
      writeFileSync(path.join(own.folder, 'own/part.ts'), 'export const part: number = 7;\n');
    } finally {
      await own.kernel.shutdown();
    }
    const again = await Bench.start({ cwd: own.folder });
    try {
      assert.equal((await again.run("import { part } from '@own/part';\npart")).result, '7');
      assert.match((await again.run('LAB.bench')).reply.evalue ?? '', /'LAB' is possibly 'undefined'/);
      assert.equal((await again.run('const seen = typeof LAB; seen')).result, "'undefined'");
    } finally {
      await again.end();
      await own.end();
    }
  });

  test('what is unfinished, what is whole, what is wrong', async () => {
    const expected = {
      incomplete: [
        '`a ${',
        '`a',
        '/* c',
        "f('x",
        'const a: Array<',
        'f<',
        '<b>',
        'const x = <b>',
        'x =>',
        '@dec',
        '[1,',
        'a &&',
        'if (x)',
      ],
      complete: [
        'const y = <b>{1}</b>',
        'const f = <T>(x: T) => x',
        '`a $' + '{1} b`',
        '// only',
        'using d = f()',
        'type A<T> = T[]',
      ],
      invalid: ['const x = ;', ')', '1 +* 2', 'let 1x', "const a = 'x\nconst b = 1"],
    };
    for (const [status, codes] of Object.entries(expected)) {
      for (const code of codes) assert.equal((await bench.kernel.isComplete(code)).status, status, code);
    }
  });
});
