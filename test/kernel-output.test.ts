/** What cells print: all of it, in order, in the right cell; by JavaScript, by child processes, by native code. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import type { Output } from '../kernel/client.js';
import { Bench, until } from './kernel-bench.js';

const KOFFI = new URL('../../node_modules/koffi/index.js', import.meta.url).pathname;
const NATIVE = `const koffi = process.getBuiltinModule ? process.getBuiltinModule('node:module').createRequire(${JSON.stringify(KOFFI)})(${JSON.stringify(KOFFI)}) : (await import('node:module')).createRequire(${JSON.stringify(KOFFI)})(${JSON.stringify(KOFFI)});
  const c = koffi.load(null); const nativeWrite = c.func('write', 'long', ['int', 'str', 'size_t']);`;

describe('output', { timeout: 300_000 }, () => {
  let bench: Bench;
  before(async () => {
    bench = await Bench.start();
    const { reply } = await bench.run(
      `import { spawn, spawnSync } from 'node:child_process'; import { writeSync } from 'node:fs'; import { once } from 'node:events';\n${NATIVE}`,
    );
    assert.equal(reply.status, 'ok', reply.traceback?.join('\n'));
  });
  after(() => bench.end());

  test('JavaScript, a child process, writeSync and native code keep their order', async () => {
    const { stdout, reply } = await bench.run(`for (let i = 0; i < 50; i++) {
      console.log('js', i); spawnSync('echo', ['child', String(i)], { stdio: 'inherit' });
      process.stdout.write('js again '); writeSync(1, 'fd\\n'); nativeWrite(1, 'native\\n', 7);
    }`);
    assert.equal(reply.status, 'ok', reply.traceback?.join('\n'));
    const expected = Array.from({ length: 50 }, (_, i) => `js ${i}\nchild ${i}\njs again fd\nnative\n`).join('');
    assert.equal(stdout, expected);
  });

  test('both streams, each in its own', async () => {
    const { stdout, stderr } = await bench.run(
      "spawnSync('sh', ['-c', 'echo out; echo err >&2; echo out'], { stdio: 'inherit' }); console.error('js'); writeSync(2, 'fd\\n')",
    );
    assert.equal(stdout, 'out\nout\n');
    assert.equal(stderr, 'err\njs\nfd\n');
  });

  test("a child's output is seen while it runs and main computes; all of it belongs to the cell", async () => {
    let seen = 0;
    const { stdout } = await bench.run(
      "const child = spawn('sh', ['-c', 'echo now; sleep 0.3; echo later'], { stdio: 'inherit' }); const end = Date.now() + 1500; while (Date.now() < end); await once(child, 'exit')",
      {
        onOutput: () => {
          seen ||= performance.now();
        },
      },
    );
    assert.ok(performance.now() - seen > 700, 'seen only at the end');
    assert.equal(stdout, 'now\nlater\n');
    const next = await bench.run("spawnSync('echo', ['mine'], { stdio: 'inherit' }); 1");
    assert.equal(next.stdout, 'mine\n');
  });

  test('what a child prints after its cell is not lost', async () => {
    let late = '';
    const onOutput = (output: Output): void => {
      if (output.type === 'stream') late += output.text;
    };
    await bench.run("void spawn('sh', ['-c', 'sleep 0.4; echo late'], { stdio: 'inherit' })", { onOutput });
    await until(() => late === 'late\n', 'the child prints');
  });

  test('100,000 lines come whole, in order, in few messages; from JavaScript and from a child', async () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join('');
    const js = await bench.run("for (let i = 0; i < 100_000; i++) console.log('line ' + i)");
    assert.ok(js.stdout === lines, `${js.stdout.length} of ${lines.length}`);
    assert.ok(js.outputs.length < 1000, `${js.outputs.length} messages`);
    const child = await bench.run(
      "const lines = spawn('seq', ['-f', 'line %.0f', '0', '99999'], { stdio: 'inherit' }); await once(lines, 'exit'); 1",
    );
    assert.ok(child.stdout === lines, `${child.stdout.length} of ${lines.length}`);
    assert.ok(child.outputs.length < 1000, `${child.outputs.length} messages`);
  });

  test('50 MB, from JavaScript, from a child and from native code, none lost', async () => {
    const whole = 'x'.repeat(99).concat('\n').repeat(500_000);
    const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
    const wanted = hash(whole);
    const js = await bench.run(
      "const block = 'x'.repeat(99).concat('\\n').repeat(500); for (let i = 0; i < 1000; i++) process.stdout.write(block)",
    );
    assert.equal(hash(js.stdout), wanted, `${js.stdout.length}`);
    const child = await bench.run(
      `const yes = spawn('sh', ['-c', "yes ${'x'.repeat(99)} | head -n 500000"], { stdio: 'inherit' }); await once(yes, 'exit'); 1`,
    );
    assert.equal(hash(child.stdout), wanted, `${child.stdout.length}`);
    const native = await bench.run(
      'for (let i = 0; i < 1000; i++) if (nativeWrite(1, block, block.length) !== block.length) throw new Error(String(i))',
    );
    assert.equal(native.reply.status, 'ok', native.reply.evalue);
    assert.equal(hash(native.stdout), wanted, `${native.stdout.length}`);
  });

  test('bytes that are no text, characters cut in two, progress bars, colours', async () => {
    const { stdout } = await bench.run(
      "process.stdout.write(Buffer.from([0x61, 0xff, 0x00, 0x62])); spawnSync('printf', ['\\\\377\\\\000\\\\303'], { stdio: 'inherit' }); spawnSync('printf', ['\\\\251\\\\n'], { stdio: 'inherit' }); for (let i = 0; i <= 100; i += 50) process.stdout.write('\\r' + i + ' %'); console.log()",
    );
    assert.equal(stdout, 'a\ufffd\0b\ufffd\0é\n\r0 %\r50 %\r100 %\n');
    const colour = await bench.run(
      "import { inspect } from 'node:util'; console.log(inspect({ a: 1 }, { colors: true })); console.table([{ a: 1 }])",
    );
    assert.ok(colour.stdout.includes('\x1b[33m1\x1b[39m'), colour.stdout);
    assert.match(colour.stdout, /│ \(index\) │ a │/);
  });

  test('a Node child leaves the pipe as it was', async () => {
    const { stdout, reply } = await bench.run(
      "const node = spawn(process.execPath, ['-e', \"process.stdout.write('a'.repeat(300000)); setTimeout(() => {}, 200)\"], { stdio: 'inherit' }); await new Promise((r) => setTimeout(r, 100)); nativeWrite(1, block, block.length); await once(node, 'exit'); 1",
    );
    assert.equal(reply.status, 'ok', reply.evalue);
    assert.equal(stdout.replaceAll('a', '').length, 50_000);
    assert.equal(stdout.replaceAll(/[x\n]/g, '').length, 300_000);
  });

  test('silent cells show nothing, their children neither', async () => {
    const { outputs } = await bench.run("spawnSync('echo', ['unseen'], { stdio: 'inherit' })", { silent: true });
    assert.deepEqual(outputs, []);
    assert.equal((await bench.run("console.log('seen')")).stdout, 'seen\n');
  });
});
