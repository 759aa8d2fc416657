/** The hexdump and the printers, as rendered text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect, stripVTControlCharacters } from 'node:util';
import { hexdump, UsageError, View } from '../lib/index.js';
import { toHtml } from '../lib/html.js';
import { toAnsi, toText } from '../lib/print.js';

const bytes = (length: number, at: (index: number) => number) => Uint8Array.from({ length }, (_, index) => at(index));

test('a hexdump has an address, sixteen bytes and their ASCII a row', () => {
  assert.equal(
    String(hexdump(new TextEncoder().encode('vfiolab, bring-up\n'))),
    [
      '  00000000  76 66 69 6f 6c 61 62 2c 20 62 72 69 6e 67 2d 75  vfiolab, bring-u',
      '  00000010  70 0a                                            p.',
    ].join('\n'),
  );
});

for (const [width, row] of [
  [16, '1100 3322 5544 7766 9988 bbaa ddcc ffee'],
  [32, '33221100 77665544 bbaa9988 ffeeddcc'],
  [64, '7766554433221100 ffeeddccbbaa9988'],
] as const) {
  test(`groups of ${width} bits are little-endian numbers`, () => {
    const [cells] = hexdump(
      bytes(16, (i) => i * 17),
      { width },
    ).rows;
    assert.equal(cells?.[1]?.text, row);
  });
}

test('repeated rows become one star, and the last row is always shown', () => {
  const text = String(hexdump(bytes(0x80, (i) => (i < 16 ? i : 0))));
  assert.deepEqual(
    text.split('\n').map((line) => line.trim().split(' ')[0]),
    ['00000000', '00000010', '*', '00000070'],
  );
});

test('addresses above 32 bits have sixteen digits', () => {
  const [first] = hexdump(new Uint8Array(16), { base: 0x12_3456_7000n }).rows;
  assert.equal(first?.[0]?.text, '0000001234567000');
});

test('an odd width is refused, and nothing has no rows', () => {
  assert.throws(() => hexdump(new Uint8Array(1), { width: 24 as never }), UsageError);
  assert.equal(hexdump(new Uint8Array(0)).rows.length, 0);
});

const view = new View(
  'title <1>',
  ['name', 'n'],
  [
    [
      { text: 'a&b', tone: 'name' },
      { text: '7', align: 'right' },
    ],
    ['long name', { text: '1234', align: 'right', tone: 'bad' }],
  ],
);

test('a View as text has aligned columns and no colour', () => {
  assert.equal(toText(view), ['title <1>', '  name       n', '  a&b           7', '  long name  1234'].join('\n'));
});

test('a View as ANSI has the same text under its colours', () => {
  const ansi = toAnsi(view);
  assert.ok(ansi.includes('\x1b[1;31m1234\x1b[0m'));
  assert.equal(stripVTControlCharacters(ansi).replace(/ +$/gm, ''), toText(view));
});

test('a View as HTML is one table with its text escaped', () => {
  const html = toHtml(view);
  assert.match(html, /<b>title &lt;1&gt;<\/b><table><thead><tr><th align="left">name</);
  assert.match(html, /<td class="name">a&amp;b<\/td><td align="right">7<\/td>/);
});

test('HTML reads well without its stylesheet: tags mean something, blanks stay', () => {
  const html = toHtml(
    new View(
      '',
      [],
      [
        [
          { text: ' a  b   c', tone: 'value' },
          { text: '9', align: 'right', tone: 'changed' },
          { text: '!', tone: 'bad' },
        ],
      ],
    ),
  );
  assert.match(
    html,
    /^<samp class="vfiolab"><table>.*<td><b>\u00a0a \u00a0b \u00a0 c<\/b><\/td><td align="right"><mark>9<\/mark><\/td><td class="bad"><b>!</s,
  );
  assert.doesNotMatch(html, /style/);
});

test('util.inspect and console.log draw the View', () => {
  assert.equal(inspect(view), toText(view));
  assert.equal(inspect(view, { colors: true }), toAnsi(view));
});

test('a row folds in HTML, and is a row everywhere else', () => {
  const folding = new View(
    'all',
    [],
    [
      ['1', { text: 'one', tone: 'warn' }],
      ['2', 'two'],
    ],
    { folds: [view, undefined] },
  );
  assert.equal(toText(folding), 'all\n  1  one\n  2  two');
  const html = toHtml(folding);
  assert.match(html, /<details><summary>1\u00a0 <span class="warn">one<\/span><\/summary><b>title/);
  assert.match(html, /<div class="leaf">2\u00a0 two<\/div>/);
  assert.equal(html.match(/class="vfiolab"/g)?.length, 1);
});

test('lines are drawn as they stand', () => {
  const text = new View('01:00.0 <x>', [], [['\tControl: ', { text: 'Mem+', tone: 'value' }, ' IO-'], ['']], {
    form: 'lines',
  });
  assert.equal(toText(text), '01:00.0 <x>\n\tControl: Mem+ IO-\n');
  assert.ok(toAnsi(text).endsWith('\tControl: \x1b[1mMem+\x1b[0m IO-\n'));
  assert.match(toHtml(text), /<pre class="vfiolab"><b>01:00.0 &lt;x&gt;<\/b>\n\tControl: <b>Mem\+<\/b> IO-/);
});

test('a View is JSON as it stands', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(view)).rows[0][1], { text: '7', align: 'right' });
});
