/** Cells: checked, run and shown, over the messages that every front end uses. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Output } from '../kernel/client.js';
import { Bench, until } from './kernel-bench.js';

describe('cells', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start({ views: true });
  });
  after(() => bench.end());

  test('the last expression is the result; undefined and declarations show nothing', async () => {
    assert.equal((await bench.run('1 + 2')).result, '3');
    assert.equal((await bench.run("'a' + 'b';")).result, "'ab'");
    assert.equal((await bench.run('null')).result, 'null');
    for (const code of ['undefined', 'const quiet = 1', '', '// only a comment']) {
      assert.deepEqual((await bench.run(code)).outputs, [], code);
    }
  });

  test('executions are numbered; silent ones are not, and show nothing', async () => {
    const first = await bench.run('1');
    const silent = await bench.run('console.log("x"); 2', { silent: true });
    const next = await bench.run('3');
    assert.deepEqual(silent.outputs, []);
    assert.equal(next.reply.count, first.reply.count + 1);
    const [result] = next.outputs;
    assert.equal(result?.type === 'result' && result.count, next.reply.count);
  });

  test('types are checked before anything runs, across cells', async () => {
    await bench.run('let touched = 0; const answer: number = 42');
    const wrong = await bench.run('touched = 1;\nconst text: string = answer');
    assert.equal(wrong.reply.status, 'error');
    assert.equal(wrong.reply.ename, 'TypeScriptError');
    assert.match(wrong.reply.evalue ?? '', /Type 'number' is not assignable to type 'string'/);
    assert.deepEqual(wrong.reply.traceback, [
      `In[${wrong.reply.count}]:2:7 - error TS2322: Type 'number' is not assignable to type 'string'.`,
      '',
      '2 const text: string = answer',
      '        ~~~~',
      '',
    ]);
    assert.equal((await bench.run('touched')).result, '0');
    // strict, but a scratch cell may leave a parameter's type out, index freely, and leave names unused
    assert.equal((await bench.run('const f = (x) => x * 2; const at = [1, 2][0] + 1; f(at)')).result, '4');
    assert.match(
      (await bench.run('let maybe: string | undefined; maybe.length')).reply.evalue ?? '',
      /undefined|before/,
    );
  });

  test('top-level await, for await and await using', async () => {
    assert.equal(
      (await bench.run('const late = await new Promise<number>((r) => setTimeout(() => r(7), 5)); late')).result,
      '7',
    );
    assert.equal(
      (await bench.run('let sum = 0; for await (const n of (async function* () { yield 1; yield 2 })()) sum += n; sum'))
        .result,
      '3',
    );
    const using =
      'const log: string[] = []; { await using x = { async [Symbol.asyncDispose]() { log.push("gone") } }; } log.join()';
    assert.equal((await bench.run(using)).result, "'gone'");
    assert.equal(
      (await bench.run('async function inner() { return await 5 }\ninner')).result,
      '[AsyncFunction: inner]',
    );
  });

  test('a later cell may declare a name anew, with another type', async () => {
    await bench.run('const again = 1; function twice(x: number) { return 2 * x }');
    await bench.run("const again = 'text'");
    assert.equal((await bench.run('again.toUpperCase()')).result, "'TEXT'");
    assert.equal(
      (await bench.run('class Point { constructor(readonly x: number) {} }\nnew Point(twice(2)).x')).result,
      '4',
    );
    assert.equal((await bench.run('interface Size { w: number }\nconst size: Size = { w: 3 }; size.w')).result, '3');
    assert.equal((await bench.run('const wide: Size = { w: 4 }; new Point(wide.w).x')).result, '4');
  });

  test('names of earlier cells can be used in every way, and mean the same everywhere', async () => {
    await bench.run(
      'let a = 1; let b = 2; let n = 0; function count() { n += 1; return n } function self(this: unknown) { return this }',
    );
    assert.equal((await bench.run('const both = { a, b }; [both, self()]')).result, '[ { a: 1, b: 2 }, undefined ]');
    assert.equal((await bench.run('({ a, b = 5 } = { a: 3 }); [a, b] = [b, a]; [a, b]')).result, '[ 5, 3 ]');
    await bench.run('count(); n = 10');
    assert.deepEqual(await bench.value('[count(), n]'), [11, 11]);
    await bench.run(
      'export const pasted = 1; export interface Pasted { a: number }; export function paste(): Pasted { return { a: pasted } }',
    );
    assert.equal((await bench.run('const copy: Pasted = paste(); copy.a')).result, '1');
    await bench.run('let a: number | undefined;');
    assert.equal((await bench.run('a === undefined')).result, 'true');
  });

  test('a cell that fails keeps what it had declared, and leaves the rest as it was', async () => {
    await bench.run("const kept = 'old'; const other = 'old'");
    const failed = await bench.run("const kept = 1;\nthrow new Error('half-way');\nconst other = 2;");
    assert.equal(failed.reply.evalue, 'half-way');
    assert.equal((await bench.run('kept.toFixed(1)')).result, "'1.0'");
    assert.equal((await bench.run('other.toUpperCase()')).result, "'OLD'");
  });

  test('errors say exactly where, in cell lines, and show no frame of ours', async () => {
    const define = await bench.run(
      "interface Long {\n  a: number;\n}\n\nfunction fails(x: Long) {\n  for (;;) {\n    throw new RangeError('bad ' + x.a);\n  }\n}",
    );
    const thrown = await bench.run('// a line before\nawait null;\n  fails({ a: 1 })');
    assert.deepEqual(thrown.reply.traceback, [
      'RangeError: bad 1',
      `    at fails (In[${define.reply.count}]:7:11)`,
      `    at In[${thrown.reply.count}]:3:3`,
    ]);
    const cause = await bench.run("throw new Error('outer', { cause: new TypeError('inner') })");
    assert.deepEqual(
      cause.reply.traceback?.filter((line) => !line.startsWith(' ')),
      ['Error: outer', 'caused by TypeError: inner'],
    );
    const printed = await bench.run('\ntry {\n  fails({ a: 1 })\n} catch (error) { console.log(error) }');
    assert.equal(
      printed.stdout,
      `RangeError: bad 1\n    at fails (In[${define.reply.count}]:7:11)\n    at In[${printed.reply.count}]:3:3\n`,
    );
    const sly = await bench.run('throw new Proxy({}, { get() { throw 1 } })');
    assert.equal(sly.reply.status, 'error');
    assert.deepEqual((await bench.run('throw { code: 3 }')).reply.traceback, ['Thrown: { code: 3 }']);
    const syntax = await bench.run('const = 3');
    assert.match(syntax.reply.traceback?.[0] ?? '', /^In\[\d+\]:1:7 - error TS1134/);
  });

  test("the package's public face is in scope, typed, and may be shadowed", async () => {
    assert.equal((await bench.run('const dev = open("sim:edu"); dev.spec')).result, "'sim:edu'");
    assert.match((await bench.run('dev.bar("zero")')).reply.evalue ?? '', /not assignable to parameter of type/);
    assert.match((await bench.run('dev.bar(0).registers(EDU).STATUS.modify({ IRQQ: 1 })')).reply.evalue ?? '', /IRQQ/);
    const refused = await bench.run('dev.bar(0).read32(2)');
    assert.equal(refused.reply.ename, 'UsageError');
    assert.match(refused.reply.evalue ?? '', /sim:edu\/bar0\+0x2: read32: .*; use 0x0/);
    assert.deepEqual(refused.reply.traceback?.slice(1), [`    at In[${refused.reply.count}]:1:12`]);
    assert.equal((await bench.run('const width: Width = 32; width')).result, '32');
    assert.equal((await bench.run("const hexdump = 'mine'; hexdump.length")).result, '4');
    const imported =
      "import { hexdump as dump, open as again } from 'vfiolab';\ndump(new Uint8Array(1)) instanceof View && again === open";
    assert.equal((await bench.run(imported)).result, 'true');
    assert.equal((await bench.run("(await import('vfiolab')).open === open")).result, 'true');
    await bench.run('dev.close()');
  });

  test('a cell that declares a name anew closes the card that the name held', async () => {
    await bench.run("const card = open('sim:edu'); const first = [card]");
    assert.equal(await bench.value('first[0].closed'), false);
    // the checker refuses this one: nothing runs, nothing is closed
    await bench.run("const card = open('sim:edu').nothing");
    assert.equal(await bench.value('first[0].closed'), false);
    const again = await bench.run("const card = open('sim:edu')");
    assert.equal(again.reply.status, 'ok', again.reply.evalue);
    assert.deepEqual(await bench.value('[first[0].closed, card.closed]'), [true, false]);
    // another name does not: the card is still open there
    const second = await bench.run("const twin = open('sim:edu')");
    assert.match(second.reply.evalue ?? '', /open/);
    await bench.run('card.close()');
  });

  test('any package can be imported: built-in, CommonJS, ES module, a file of the folder', async () => {
    assert.equal(
      (
        await bench.run(
          "import { basename } from 'node:path';\nimport fs from 'node:fs';\nbasename(typeof fs.readFileSync)",
        )
      ).result,
      "'function'",
    );
    const modules = path.join(bench.folder, 'node_modules');
    for (const [name, type, code] of [
      ['esm-only', 'module', 'export const kind = "esm"; export default 1;'],
      ['plain-cjs', 'commonjs', 'const made = { kind: "cjs" }; module.exports = made;'],
    ] as const) {
      mkdirSync(path.join(modules, name), { recursive: true });
      writeFileSync(path.join(modules, name, 'index.js'), code);
      writeFileSync(path.join(modules, name, 'index.d.ts'), 'export declare const kind: string;\n');
      const exports = { '.': { types: './index.d.ts', default: './index.js' } };
      writeFileSync(path.join(modules, name, 'package.json'), JSON.stringify({ name, type, exports }));
    }
    assert.equal(
      (await bench.run("import { kind as a } from 'esm-only';\nimport { kind as b } from 'plain-cjs';\na + b")).result,
      "'esmcjs'",
    );
    writeFileSync(path.join(bench.folder, 'local.ts'), 'export const doubled = (x: number): number => 2 * x;\n');
    assert.equal((await bench.run("import { doubled } from './local.js';\ndoubled(21)")).result, '42');
    const text = [
      'export function sum(to: number): number {',
      '  let s = 0;',
      '  for (let i = 0; i < to; i++) s += i;',
      '  if (to < 0) {',
      "    throw new RangeError('no ' + to);",
      '  }',
      '  return s;',
      '}',
      'for (const n of [1]) sum(n);',
    ].join('\n');
    writeFileSync(path.join(bench.folder, 'loops.ts'), text);
    assert.equal((await bench.run("import { sum } from './loops.js';\nsum(4)")).result, '6');
    const thrown = (await bench.run('\nsum(-1)')).reply;
    assert.deepEqual(thrown.traceback, [
      'RangeError: no -1',
      `    at sum (${path.join(bench.folder, 'loops.ts')}:5:11)`,
      `    at In[${thrown.count}]:2:1`,
    ]);
    assert.match((await bench.run("import x from 'not-there'")).reply.evalue ?? '', /Cannot find module 'not-there'/);
  });

  test('an import that failed is looked for again; a file of the folder that changed is read again', async () => {
    const cell = "import { word } from './later.js';\nimport { kind } from 'later-package';\nword + kind";
    assert.match((await bench.run(cell)).reply.evalue ?? '', /Cannot find module '.\/later.js'/);
    const later = path.join(bench.folder, 'later.ts');
    writeFileSync(later, "export const word: string = 'one';\n");
    const folder = path.join(bench.folder, 'node_modules/later-package');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      path.join(folder, 'package.json'),
      '{ "name": "later-package", "type": "module", "types": "index.d.ts" }',
    );
    writeFileSync(path.join(folder, 'index.d.ts'), 'export declare const kind: string;\n');
    writeFileSync(path.join(folder, 'index.js'), 'export const kind = 1;\n');
    assert.equal((await bench.run(cell)).result, "'one1'");
    writeFileSync(later, "export const word: string = 'two';\n");
    assert.equal((await bench.run(cell)).result, "'two1'");
    assert.equal((await bench.run("word + ''")).result, "'two'");
  });

  test('a View is HTML, text and data; Jupyter.display is honoured', async () => {
    const view = await bench.run("new View('title', ['a'], [['<1>']])");
    const [output] = view.outputs;
    assert.ok(output?.type === 'result');
    assert.match(String(output.data['text/plain']), /title\n +a\n +<1>/);
    assert.match(String(output.data['text/html']), /&lt;1&gt;/);
    assert.deepEqual(output.view, { title: 'title', head: ['a'], rows: [[{ text: '<1>' }]] });
    const foreign = await bench.run("({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>x</b>' }) })");
    assert.ok(foreign.outputs[0]?.type === 'result');
    assert.deepEqual(foreign.outputs[0].data, { 'text/html': '<b>x</b>' });
    assert.equal(foreign.outputs[0].view, undefined);
  });

  test('display shows at once and can be updated; output can be cleared', async () => {
    const { outputs } = await bench.run(
      "console.log('before'); const shown = await display({ 'text/plain': 'one' }, { id: 'here' }); console.log('between'); await shown.update(hexdump === undefined ? 1 : 'two'); clearOutput({ wait: true })",
    );
    assert.deepEqual(outputs, [
      { type: 'stream', name: 'stdout', text: 'before\n' },
      { type: 'display', data: { 'text/plain': 'one' }, metadata: {}, displayId: 'here' },
      { type: 'stream', name: 'stdout', text: 'between\n' },
      { type: 'update', data: { 'text/plain': "'two'" }, metadata: {}, displayId: 'here' },
      { type: 'clear', wait: true },
    ]);
  });

  test('display keeps its place among the prints, also where a value draws itself later', async () => {
    const { outputs, reply } = await bench.run(
      "console.log('a'); display({ 'x/y': 1 }); console.log('b'); display({ [Symbol.for('Jupyter.display')]: async () => ({ 'x/y': 2 }) })",
    );
    assert.deepEqual(
      outputs.map((each) => (each.type === 'stream' ? each.text : each.type === 'display' && each.data)),
      ['a\n', { 'x/y': 1 }, 'b\n', { 'x/y': 2 }],
    );
    assert.equal(reply.status, 'ok');
    const failing = await bench.run(
      "display({ [Symbol.for('Jupyter.display')]: async () => { throw new Error('no picture') } })",
    );
    assert.equal(failing.reply.evalue, 'no picture');
  });

  test('what is no JSON is refused by display, and the kernel goes on', async () => {
    assert.equal((await bench.run("await display({ 'application/json': { big: 1n } })")).reply.ename, 'TypeError');
    assert.equal(
      (await bench.run("const ring: { own?: unknown } = {}; ring.own = ring; await display({ 'a/b': ring })")).reply
        .ename,
      'TypeError',
    );
    assert.equal((await bench.run("await display({ 'a/b': () => 1 }); 1")).result, '1');
  });

  test('20,000 lines come whole, in order, in few messages', async () => {
    const { stdout, outputs } = await bench.run(
      "for (let i = 0; i < 20_000; i++) console.log('line ' + i); console.error('end')",
    );
    assert.equal(stdout, Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join(''));
    assert.ok(outputs.length < 500, `${outputs.length} messages`);
    assert.deepEqual(outputs.at(-1), { type: 'stream', name: 'stderr', text: 'end\n' });
    const split = await bench.run(
      "const bytes = Buffer.from('µ'); process.stdout.write(bytes.subarray(0, 1)); process.stdout.write(bytes.subarray(1))",
    );
    assert.equal(split.stdout, 'µ');
  });

  test('output is seen while the cell still computes', async () => {
    let seen = 0;
    const { reply } = await bench.run(
      "console.log('now'); const until = Date.now() + 1500; while (Date.now() < until);",
      {
        onOutput: () => {
          seen ||= performance.now();
        },
      },
    );
    assert.equal(reply.status, 'ok');
    assert.ok(performance.now() - seen > 700, 'the line came with the end of the cell');
  });

  test('completion and inspection know the cells and the package, also while a cell computes', async () => {
    await bench.run('/** Ohms of the divider. */\nfunction divider(ohms: number) { return ohms }');
    assert.match(
      (await bench.kernel.inspect('divider(1)', 3)) ?? '',
      /divider\(ohms: number\): number\n\nOhms of the divider/,
    );
    await bench.run("const board = { slots: 4, name: 'b' }; const sim = open('sim:edu')");
    const flag = path.join(bench.folder, 'answered');
    const busy = bench.run(
      `import { existsSync } from 'node:fs'; console.log('spinning'); const stop = Date.now() + 60_000; while (!existsSync(${JSON.stringify(flag)}) && Date.now() < stop); Date.now() < stop`,
    );
    const { matches, start, end } = await bench.kernel.complete("'µ😀'; board.sl", 15);
    assert.deepEqual(matches, [{ text: 'slots', kind: 'property', detail: 'number' }]);
    assert.deepEqual([start, end], [13, 15]);
    const methods = await bench.kernel.complete('sim.', 4);
    assert.ok(methods.matches.some(({ text, kind }) => text === 'enableIrqs' && kind === 'method'));
    assert.match((await bench.kernel.inspect('sim.reset', 6)) ?? '', /reset\(\): void/);
    assert.match((await bench.kernel.inspect('sim.bar', 5)) ?? '', /bar\(.*\): Region\n\n\w+/);
    assert.match((await bench.kernel.inspect('Math.floor', 7)) ?? '', /Returns the greatest integer/);
    assert.match((await bench.kernel.inspect('open', 3)) ?? '', /@example|\n\n/);
    assert.equal(await bench.kernel.inspect('nothingHere', 3), undefined);
    writeFileSync(flag, '');
    assert.equal((await busy).result, 'true', 'answers waited for the cell');
    await bench.run('sim.close()');
  });

  test('registers are completed in the order of the datasheet, cards in open(), files in strings', async () => {
    await bench.run("const board = open('sim:edu'); const edu = board.bar(0).registers(EDU)");
    const complete = async (code: string) => (await bench.kernel.complete(code, code.length)).matches;
    const registers = await complete('edu.');
    const order = ['ID', 'LIVENESS', 'FACTORIAL', 'STATUS', 'IRQ_STATUS', 'IRQ_RAISE'];
    assert.deepEqual(
      registers.slice(0, 6).map(({ text }) => text),
      order,
    );
    assert.equal(registers[0]?.detail, '0x00, 32-bit ro, reset 0x010000ed');
    assert.match((await bench.kernel.inspect('edu.STATUS', 6)) ?? '', /STATUS: Register<32.*"rw"/s);
    assert.match((await bench.kernel.inspect('EDU.STATUS', 6)) ?? '', /"rw".*0x20, 32-bit rw.*BAR 0\. Accesses/s);
    assert.match((await bench.kernel.inspect('edu.STATUS', 6)) ?? '', /"rw".*0x20, 32-bit rw.*BAR 0\. Accesses/s);
    const field = (await bench.kernel.inspect('edu.STATUS.read().COMPUTING', 20)) ?? '';
    assert.match(field, /0x20 \[0\], ro\nBAR 0\. Accesses/);
    const refused = await bench.run('edu.STATSU.read()');
    assert.match(
      refused.reply.evalue ?? '',
      /^Property 'STATSU' does not exist on type 'Registers<…>'. Did you mean 'STATUS'\?$/,
    );
    assert.deepEqual(
      (await complete("open('si")).map(({ text }) => text),
      ['sim:edu'],
    );
    mkdirSync(path.join(bench.folder, 'maps'), { recursive: true });
    writeFileSync(path.join(bench.folder, 'maps/board.json'), '{}');
    assert.deepEqual(
      (await complete("const text = 'ma")).map(({ text }) => text),
      ['maps/'],
    );
    assert.deepEqual(
      (await complete("const text = 'maps/b")).map(({ text }) => text),
      ['maps/board.json'],
    );
    await bench.run('board?.close()');
  });

  test('a cell is complete, incomplete or invalid', async () => {
    const expected = {
      '1 + 1': 'complete',
      'const x = await f()': 'complete',
      'function f() {': 'incomplete',
      '`open': 'incomplete',
      '/* open': 'incomplete',
      '(1 +': 'incomplete',
      'const = 3': 'invalid',
      '}': 'invalid',
    };
    for (const [code, status] of Object.entries(expected)) {
      assert.equal((await bench.kernel.isComplete(code)).status, status, code);
    }
    assert.equal((await bench.kernel.isComplete('  if (x) {')).indent, '    ');
  });

  test('what runs on in the background does not end the kernel, and is heard of', async () => {
    const heard = await bench.run(
      "setTimeout(() => { throw new Error('late') }, 1); Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 100))",
    );
    assert.equal(heard.reply.status, 'ok');
    assert.match(heard.stderr, /Unhandled rejection: Error: lost\n/);
    assert.match(heard.stderr, /Uncaught: Error: late\n {4}at .*In\[\d+\]:1:26/);
    assert.equal((await bench.run('1')).result, '1');
  });

  test("what a cell's timer prints is not lost to a silent cell that came after", async () => {
    let late = '';
    const onOutput = (output: Output): void => {
      if (output.type === 'stream') late += output.text;
    };
    await bench.run("setTimeout(() => console.log('late'), 300)", { onOutput });
    await bench.run('1', { silent: true });
    await until(() => late !== '', 'the timer prints');
    assert.equal(late, 'late\n');
  });

  test('setImmediate runs callbacks in order, can be cleared, and has its promise form', async () => {
    const code = `const order: number[] = []; setImmediate(() => order.push(1)); clearImmediate(setImmediate(() => order.push(2)));
      setImmediate((n) => order.push(n), 3); await (await import('node:util')).promisify(setImmediate)(); order`;
    assert.equal((await bench.run(code)).result, '[ 1, 3 ]');
  });
});
