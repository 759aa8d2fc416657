/** What the prompt makes of texts: colours, the prelude, lines and tables. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is coloured
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { highlight } from '../repl/highlight.js';
import { chop, columns, fit, lineText, visible } from '../repl/line.js';
import { identity, prelude } from '../repl/prelude.js';
import type { ViewData } from '../lib/view.js';
import { columnWidths, table } from '../repl/table.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

describe('colours of what is typed', () => {
  const looks = (text: string, cursor?: number): string[] =>
    highlight(text, cursor)
      .filter(({ look }) => look !== 'plain')
      .map(({ text, look }) => `${look}:${text}`);
  const rows: readonly (readonly [text: string, ...looks: string[]])[] = [
    ["const dev = open('sim:edu') // card", 'keyword:const', "string:'sim:edu'", 'comment:// card'],
    ['edu.STATUS.read() + 0x20n', 'name:STATUS', 'number:0x20n'],
    ["'unfinished", "string:'unfinished"],
    ['`a ${b} c`', 'string:`a ${', 'string:} c`'],
    ['/[/]x/g.test(x)', 'string:/[/]x/g'],
    ['/* open', 'comment:/* open'],
    ['a ) b', 'error:)'],
    ['( ]', 'error:]'],
  ];
  for (const [text, ...expected] of rows) test(text, () => assert.deepEqual(looks(text), expected));

  test('the bracket at the cursor and its partner are marked, over lines and templates', () => {
    assert.deepEqual(looks('f(g(\n))', 3), ['match:(', 'match:)']);
    assert.deepEqual(looks('f(g(\n))', 7), ['match:(', 'match:)']);
    assert.equal(
      highlight('f(g(\n))', 7)
        .map(({ text, look }) => (look === 'match' ? `<${text}>` : text))
        .join(''),
      'f<(>g(\n)<)>',
    );
    assert.deepEqual(looks('`${a}`', 5), ['string:`$', 'match:{', 'match:}', 'string:`']);
  });

  test('nothing is lost or added', () => {
    for (const text of ['`${', "'", '/', '\\', 'a\u0000b', '👩‍👩‍👧 = 1', '<div>{x}</div>', '@dec class A {}'])
      assert.equal(lineText(highlight(text, 1)), text);
  });
});

describe('prelude', () => {
  const card = (bdf: string, vendor: string, device: string): void => {
    const path = join(folder, 'bus', 'pci', 'devices', bdf);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'vendor'), `0x${vendor}\n`);
    writeFileSync(join(path, 'device'), `0x${device}\n`);
    chmodSync(join(path, 'vendor'), 0o444);
  };
  test('opens the spec and binds the map of a card that is known, from sysfs alone', () => {
    card('0000:01:00.0', '1234', '11e8');
    card('0000:02:00.0', '8086', '10d3');
    const known = (spec: string) => `const dev = open('${spec}')\nconst edu = dev.bar(0).registers(EDU)`;
    assert.equal(prelude('sim:edu'), known('sim:edu'));
    for (const spec of ['0000:01:00.0', '01:00.0', 'group:0000:01:00.0'])
      assert.equal(prelude(spec, folder), known(spec));
    assert.equal(prelude('0000:02:00.0', folder), "const dev = open('0000:02:00.0')");
    assert.equal(prelude('0000:03:00.0', folder), "const dev = open('0000:03:00.0')");
    assert.equal(prelude("it's", folder), 'const dev = open("it\'s")');
    assert.equal(identity('unix:/run/x.sock', folder), undefined);
  });
});

describe('lines and tables', () => {
  test('widths are those of the terminal', () => {
    assert.equal(columns('漢字'), 4);
    assert.equal(columns('👩‍👩‍👧'), 2);
    assert.equal(columns('e\u0301'), 1);
    assert.deepEqual(chop('漢字漢', 3), ['漢', '字', '漢']);
    assert.deepEqual(chop('', 3), ['']);
    assert.deepEqual(chop('abcdef', 3), ['abc', 'def']);
    assert.equal(fit('abcdef', 4), 'abc…');
    assert.equal(fit('漢字漢', 4), '漢…');
    assert.equal(visible('a\tb\x1b'), 'a  b·');
  });

  const view = {
    title: 'sim:edu',
    head: ['offset', 'register', 'what it is'],
    rows: [
      [{ text: '0x00', tone: 'dim' as const }, { text: 'ID' }, { text: 'identification, read-only' }],
      [{ text: '0x20', tone: 'dim' as const }, { text: 'STATUS' }, { text: 'computing, and interrupt enable' }],
    ],
  };
  test('a table that fits is aligned, title and head first', () => {
    assert.deepEqual(table(view, 80).map(lineText), [
      'sim:edu',
      '  offset  register  what it is',
      '  0x00    ID        identification, read-only',
      '  0x20    STATUS    computing, and interrupt enable',
    ]);
    assert.deepEqual(
      table(view, 80)[2]?.map(({ look }) => look),
      ['plain', 'dim', 'plain', 'plain', 'plain', 'plain'],
    );
  });
  test('one that does not is folded inside its widest column', () => {
    assert.deepEqual(table(view, 36).map(lineText), [
      'sim:edu',
      '  offset  register  what it is',
      '  0x00    ID        identification,',
      '                    read-only',
      '  0x20    STATUS    computing, and',
      '                    interrupt enable',
    ]);
  });
  test('numbers on the right, an empty table, a row of wide characters', () => {
    const right = {
      title: '',
      head: ['n'],
      rows: [[{ text: '7', align: 'right' as const }], [{ text: '100', align: 'right' as const }]],
    };
    assert.deepEqual(table(right, 80).map(lineText), ['    n', '    7', '  100']);
    assert.deepEqual(table({ title: '', head: [], rows: [] }, 80), []);
    const wide = {
      title: '',
      head: [],
      rows: [
        [{ text: '漢字' }, { text: 'x' }],
        [{ text: 'ab' }, { text: 'y' }],
      ],
    };
    assert.deepEqual(table(wide, 80).map(lineText), ['  漢字  x', '  ab    y']);
  });
  test('lines stand as they are, tabs as blanks', () => {
    const lines: ViewData = { title: 'x', head: [], rows: [[{ text: '\tab' }, { text: '\tc' }]], form: 'lines' };
    assert.deepEqual(table(lines, 8).map(lineText), ['x', `        ab      c`]);
  });
  test('columns are lowered from the widest on, and never below what can be read', () => {
    assert.deepEqual(columnWidths([4, 30], 80), [4, 30]);
    assert.deepEqual(columnWidths([4, 30], 20), [4, 14]);
    assert.deepEqual(columnWidths([20, 30], 32), [15, 15]);
    assert.deepEqual(columnWidths([20, 30], 10), [8, 8]);
    assert.deepEqual(columnWidths([], 10), []);
  });
});
