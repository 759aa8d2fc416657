/** What completion and inspection say: kinds, types, documentation; where registers and fields are and what they reset to. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { CompletionMatch } from '../kernel/client.js';
import { Bench } from './kernel-bench.js';

const UART = `/** Ref: DS-7, 4.2 */
const UART = {
  DIV: r16(0x10, { SOURCE: [1, 0, { XTAL: 0, PLL: 1 }], N: [15, 8, 'ro'] }, { reset: 0x1201, doc: 'clock divider' }),
  CH: r32(0x40, { ENABLE: 0 }, { count: 4, access: 'wo' }),
  COUNT: r64(0x20, {}, { access: 'rclr', reset: 0xdead_beefn }),
}`;

describe('completion', { timeout: 300_000 }, () => {
  let bench: Bench;
  const complete = async (code: string): Promise<readonly CompletionMatch[]> =>
    (await bench.kernel.complete(code, code.length)).matches;
  const one = async (code: string, text: string): Promise<CompletionMatch | undefined> =>
    (await complete(code)).find((match) => match.text === text);
  before(async () => {
    bench = await Bench.start();
    await bench.run("const dev = open('sim:edu'); const edu = dev.bar(0).registers(EDU)");
    await bench.run(UART);
    await bench.run('const uart = dev.bar(0).registers(UART)');
  });
  after(() => bench.end());

  test('registers have offset, access, reset value, words and the reference of their map', async () => {
    const expected = [
      {
        text: 'DIV',
        kind: 'register',
        detail: '0x10, 16-bit rw, reset 0x1201',
        doc: 'clock divider',
        reference: 'DS-7, 4.2',
      },
      { text: 'CH', kind: 'register', detail: '0x40, 32-bit wo, 4 of them', reference: 'DS-7, 4.2' },
      {
        text: 'COUNT',
        kind: 'register',
        detail: '0x20, 64-bit rclr, reset 0x00000000deadbeef',
        reference: 'DS-7, 4.2',
      },
    ];
    assert.deepEqual(await complete('uart.'), expected);
    assert.deepEqual(await complete('UART.'), expected);
    assert.deepEqual(await complete('if (dev) uart.'), expected);
    const { reference, doc } = (await one('edu.', 'ID')) ?? {};
    assert.equal(reference, 'QEMU docs/specs/edu');
    assert.equal(doc, 'identification, MAGIC is 0x00ed');
  });

  test('fields too, where they are read and where they are written', async () => {
    const source = {
      text: 'SOURCE',
      kind: 'field',
      detail: '0x10 [1:0], rw, reset 0x1',
      doc: '0=XTAL 1=PLL',
      reference: 'DS-7, 4.2',
    };
    assert.deepEqual(await one('uart.DIV.read().', 'SOURCE'), source);
    assert.deepEqual(await complete('uart.DIV.modify({ '), [source], 'N is read-only');
    assert.equal((await one('uart.DIV.read().', 'N'))?.detail, '0x10 [15:8], ro, reset 0x12');
    assert.equal((await one('uart.CH[2].write({ ', 'ENABLE'))?.detail, '0x40 [0], wo');
    assert.equal((await one('edu.STATUS.read().', 'COMPUTING'))?.detail, '0x20 [0], ro');
  });

  test('a variable that is bound elsewhere has its own offsets; where two maps are alike nothing is made up', async () => {
    await bench.run('const block = (base: number) => ({ RX: r32(base), TX: r32(base + 4) })');
    await bench.run('const A = block(0x1000); const B = block(0x2000); const a = dev.bar(0).registers(A)');
    assert.equal((await one('A.', 'TX'))?.detail, '0x1004, 32-bit rw');
    assert.equal((await one('B.', 'TX'))?.detail, '0x2004, 32-bit rw');
    assert.equal((await one('a.', 'RX'))?.detail, '0x1000, 32-bit rw');
    assert.doesNotMatch((await one('dev.bar(0).registers(block(0x3000)).', 'RX'))?.detail ?? '', /0x/);
  });

  test("config space's capabilities cite the specification, offsets counted from the capability", async () => {
    const enable = await one("dev.cap('MSI').CONTROL.", 'ENABLE');
    assert.deepEqual(enable, {
      text: 'ENABLE',
      kind: 'field',
      detail: '+0x02 [0], rw',
      reference: 'PCI Express Base 6.0, 7.7.1',
    });
    const status = await one("dev.config.capability('EXP').", 'LNKSTA');
    assert.match(status?.detail ?? '', /^\+0x12, 16-bit /);
    assert.match(status?.reference ?? '', /^PCI Express Base 6\.0, 7\.5\.3/);
  });

  test('anything else has its type and the first lines of its documentation', async () => {
    assert.deepEqual(await one('dev.', 'bar'), {
      text: 'bar',
      kind: 'method',
      detail: '(index: number) => Region',
      doc: 'BAR `index`, 0 to 5.',
    });
    assert.match((await one('hexd', 'hexdump'))?.doc ?? '', /^\w.*\w/);
    assert.match((await one('Math.flo', 'floor'))?.doc ?? '', /^Returns the greatest integer/);
    await bench.run(
      '/** Ohms of\n * the divider.\n *\n * More.\n * @param ohms each */\nfunction divider(ohms: number) { return ohms }',
    );
    assert.deepEqual(await one('divid', 'divider'), {
      text: 'divider',
      kind: 'function',
      detail: '(ohms: number) => number',
      doc: 'Ohms of the divider.',
    });
  });

  test('a name that begins with _ is offered to who begins with it', async () => {
    const names = async (code: string) => (await complete(code)).map(({ text }) => text);
    await bench.run('const both = { _hidden: 1, shown: 2 }');
    assert.deepEqual(await names('both.'), ['shown']);
    assert.deepEqual(await names('both._'), ['_hidden']);
    assert.deepEqual(
      (await names('(')).filter((name) => name.startsWith('_')),
      [],
    );
  });

  test('cards in open(), with who drives them', async () => {
    const cards = await complete("open('");
    assert.deepEqual(cards.at(-1), { text: 'sim:edu', kind: 'card', detail: "QEMU's edu, simulated" });
    assert.deepEqual(await complete("open('sim"), cards.slice(-1));
  });

  test('inspection says the same, and cites', async () => {
    const said = (await bench.kernel.inspect('uart.DIV', 6)) ?? '';
    assert.match(said, /\n0x10, 16-bit rw, reset 0x1201\nclock divider\nRef: DS-7, 4\.2$/);
  });

  test('the signature of the call that the cursor is in, and the parameter that is being given', async () => {
    await bench.run(
      '/** Adds.\n * @param ohms each\n *   of them */ function sum(ohms: number, ...more: { very: string; long: string; type: 1 }[]) {}',
    );
    const rows: readonly (readonly [code: string, label: RegExp | undefined, parameter?: string, doc?: RegExp])[] = [
      ['dev.bar(', /^bar\(index: number\): Region$/, 'index: number', /^BAR `index`, 0 to 5\.$/],
      [
        'dev.dma(4096, ',
        /^dma\(memory: .*, options\?: DmaOptions\): DmaBuffer$/,
        'options?: DmaOptions',
        /^Memory for DMA/,
      ],
      ['dev.dma(4096, { mask: 0xff', /^dma\(/, 'options?: DmaOptions'],
      ['sum(', /^sum\(ohms: number, \.\.\.more: \{…\}\[\]\): void$/, 'ohms: number', /^each of them$/],
      ['sum(1, a, b, ', /^sum\(/, '...more: {…}[]', /^Adds\.$/],
      ["console.log(open('sim", /^open\(spec\?: string, options\?: OpenOptions\): Device$/, 'spec?: string'],
      ['edu.STATUS.modify({ IRQ: ', /^modify\(fields: Patch<32, NoInfer<…>>\): void$/, 'fields: Patch<32, NoInfer<…>>'],
      ['const x = (1 + ', undefined],
      ['if (', undefined],
      ['nothing.like(', undefined],
    ];
    for (const [code, label, parameter, doc] of rows) {
      const found = await bench.kernel.signature(code, code.length);
      if (!label) {
        assert.equal(found, undefined, code);
        continue;
      }
      assert.match(found?.label ?? '', label);
      assert.equal(found?.label.slice(...(found.parameter ?? [])), parameter);
      if (doc) assert.match(found?.doc ?? '', doc);
    }
    assert.match((await bench.kernel.inspect('dev.bar(', 8)) ?? '', /^bar\(index: number\): Region\n\nBAR/);
  });

  test('no register is read for it', async () => {
    await bench.run(`const region = Object.getPrototypeOf(dev.bar(0)); const { read } = region; let reads = 0;
      region.read = function (...of: unknown[]) { reads++; return read.apply(this, of) }`);
    await bench.run('const spied = dev.bar(0).registers(UART)');
    assert.equal((await one('spied.', 'COUNT'))?.kind, 'register');
    assert.match((await bench.kernel.inspect('spied.COUNT', 8)) ?? '', /rclr/);
    assert.equal((await bench.run('reads')).result, '0');
    await bench.run('spied.DIV.read()');
    assert.equal((await bench.run('reads')).result, '1');
  });
});
