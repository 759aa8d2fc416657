/** The prompt's pure parts: keys out of bytes, the editor, the history file, completion, and the geometry of lines and tables. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is coloured
import assert from 'node:assert/strict';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { choose, commonPrefix, offer } from '../repl/completion.js';
import { EMPTY, type Editor, edit, emptied } from '../repl/editor.js';
import { highlight } from '../repl/highlight.js';
import { History, historyFile, parseHistory, shown, step, suggest } from '../repl/history.js';
import { type Key, KeyDecoder } from '../repl/keys.js';
import { chop, columns, fit, lineText, visible } from '../repl/line.js';
import { identity, prelude } from '../repl/prelude.js';
import type { ViewData } from '../lib/view.js';
import { begin, found, type Search, searched } from '../repl/search.js';
import { columnWidths, table } from '../repl/table.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

const named = (keys: readonly Key[]): string[] =>
  keys.map(({ name, text }) => (text === '' ? name : `${name}:${text}`));

describe('keys', () => {
  const rows: readonly (readonly [bytes: string, ...keys: string[]])[] = [
    ['a', 'text:a'],
    ['dev.bar(0)\r', 'text:dev.bar(0)', 'enter'],
    ['é漢👩‍👩‍👧', 'text:é漢👩‍👩‍👧'],
    ['\n', 'enter'],
    ['\t', 'tab'],
    ['\x7f', 'backspace'],
    ['\b', 'backspace'],
    ['\x01\x05\x0b\x15\x17\x19\x03\x04\x0c', 'C-a', 'C-e', 'C-k', 'C-u', 'C-w', 'C-y', 'C-c', 'C-d', 'C-l'],
    ['\0\x1f', 'C-space', 'C-_'],
    ['\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F', 'up', 'down', 'right', 'left', 'home', 'end'],
    ['\x1bOA\x1bOH\x1bOF', 'up', 'home', 'end'],
    ['\x1b[1~\x1b[3~\x1b[4~\x1b[5~\x1b[7~', 'home', 'delete', 'end', 'pageup', 'home'],
    ['\x1b[1;5C\x1b[1;3D\x1b[3;5~', 'C-right', 'M-left', 'C-delete'],
    ['\x1b[Z', 'S-tab'],
    ['\x1bb\x1bf\x1bd\x1b\x7f\x1b\r', 'M-b', 'M-f', 'M-d', 'M-backspace', 'M-enter'],
    ['\x1b[99~\x1b[[A\x1b[?1;2cx', 'text:x'],
    ['\x1b[200~a\r\n\tb\x1b[D\x1b[201~c', 'paste:a\r\n\tb\x1b[D', 'text:c'],
  ];
  for (const [bytes, ...keys] of rows) {
    test(JSON.stringify(bytes), () => {
      assert.deepEqual(named(new KeyDecoder().push(bytes)), keys);
    });
    test(`${JSON.stringify(bytes)} in chunks of one`, () => {
      const decoder = new KeyDecoder();
      const all = Array.from(bytes).flatMap((character) => decoder.push(character));
      const joined: string[] = [];
      for (const key of named(all)) {
        if (key.startsWith('text:') && joined.at(-1)?.startsWith('text:')) joined.push(joined.pop() + key.slice(5));
        else joined.push(key);
      }
      assert.deepEqual(joined, keys);
    });
  }

  test('a lone ESC is the Escape key once nothing follows; an open paste keeps waiting', () => {
    const decoder = new KeyDecoder();
    assert.deepEqual(decoder.push('\x1b'), []);
    assert.equal(decoder.pending, true);
    assert.deepEqual(named(decoder.flush()), ['escape']);
    assert.equal(decoder.pending, false);
    assert.deepEqual(decoder.push('\x1b[200~one'), []);
    assert.deepEqual(decoder.flush(), []);
    assert.deepEqual(named(decoder.push(' two\x1b[201~')), ['paste:one two']);
  });
});

/** 'ab|c' is the text 'abc' with the cursor before the c. */
const at = (picture: string): Editor => {
  const cursor = picture.indexOf('|');
  return { ...EMPTY, text: picture.replace('|', ''), cursor };
};
const picture = ({ text, cursor }: Editor): string => `${text.slice(0, cursor)}|${text.slice(cursor)}`;
const press = (editor: Editor, ...names: string[]): Editor =>
  names.reduce((state, name) => {
    const [key = '', text = ''] = /^(text|paste):(.*)$/s.exec(name)?.slice(1) ?? [name, ''];
    return edit(state, { name: key, text }) ?? state;
  }, editor);

describe('editor', () => {
  const rows: readonly (readonly [before: string, keys: string[], after: string])[] = [
    ['|', ['text:dev'], 'dev|'],
    ['a|c', ['text:b'], 'ab|c'],
    ['abc|', ['left', 'left', 'text:x'], 'ax|bc'],
    ['|abc', ['left'], '|abc'],
    ['abc|', ['right'], 'abc|'],
    ['one\ntwo|', ['home'], 'one\n|two'],
    ['one\n|two', ['C-e'], 'one\ntwo|'],
    ['one two|', ['C-a', 'C-f', 'C-f', 'C-b'], 'o|ne two'],
    ['dev.bar(0).read32(4)|', ['M-b', 'M-b'], 'dev.bar(0).|read32(4)'],
    ['|dev.bar(0)', ['M-f', 'M-f'], 'dev.bar|(0)'],
    ['|dev.bar(0)', ['C-right', 'M-right', 'C-left'], 'dev.|bar(0)'],
    ['abc|', ['backspace'], 'ab|'],
    ['|abc', ['backspace'], '|abc'],
    ['one\n|two', ['backspace'], 'one|two'],
    ['a|bc', ['delete'], 'a|c'],
    ['one|\ntwo', ['C-d'], 'one|two'],
    ['abc|', ['delete'], 'abc|'],
    ['one| two\nthree', ['C-k'], 'one|\nthree'],
    ['one|\nthree', ['C-k'], 'one|three'],
    ['one\ntwo th|ree', ['C-u'], 'one\n|ree'],
    ['await irq.wait()|', ['C-w'], 'await |'],
    ['one two   |', ['C-w'], 'one |'],
    ['dev.bar|', ['M-backspace'], 'dev.|'],
    ['|dev.bar', ['M-d'], '|.bar'],
    ['one two|', ['C-w', 'C-y'], 'one two|'],
    ['one two three|', ['C-w', 'C-w', 'C-a', 'C-y'], 'two three|one '],
    ['one two|', ['C-w', 'left', 'C-w', 'C-y'], 'one| '],
    ['a|b', ['C-k', 'C-u', 'C-y'], 'ab|'],
    ['ab|', ['C-k', 'C-y'], 'ab|'],
    ['one two three|', ['C-w', 'left', 'C-w', 'end', 'C-y'], 'one  two|'],
    ['one two three|', ['C-w', 'left', 'C-w', 'end', 'C-y', 'M-y'], 'one  three|'],
    ['one two three|', ['C-w', 'left', 'C-w', 'end', 'C-y', 'M-y', 'M-y'], 'one  two|'],
    ['one|', ['M-y'], 'one|'],
    ['ab|cd', ['C-t'], 'acb|d'],
    ['abcd|', ['C-t'], 'abdc|'],
    ['|ab', ['C-t'], '|ab'],
    ['one\n|two', ['C-t'], 'one\n|two'],
    ['one, two| three', ['M-t'], 'one, three two|'],
    ['one two|', ['M-t'], 'two one|'],
    ['one|', ['M-t'], 'one|'],
    ['|irq status', ['M-u', 'M-c'], 'IRQ Status|'],
    ['|IRQ', ['M-l'], 'irq|'],
    ['|', ['text:d', 'text:e', 'text:v', 'C-_'], '|'],
    ['|', ['text:one', 'text: ', 'text:two', 'C-_'], 'one|'],
    ['|', ['text:one', 'text: ', 'text:two', 'C-_', 'C-_'], '|'],
    ['one two|', ['C-w', 'C-_'], 'one two|'],
    ['one|', ['M-b', 'text:x', 'right', 'text:y', 'C-_'], 'xo|ne'],
    ['one|', ['C-_'], 'one|'],
    ['long line\nab\nlong line|', ['up', 'up'], 'long line|\nab\nlong line'],
    ['long li|ne\nab\nlong line', ['down', 'down'], 'long line\nab\nlong li|ne'],
    ['long li|ne\nab\nlong line', ['down', 'left', 'down'], 'long line\nab\nl|ong line'],
    ['if (x) {|}', ['M-enter', 'text:y'], 'if (x) {\ny|}'],
    ['|', ['paste:a\r\n\tb\rc\r\n'], 'a\n\tb\nc|'],
    ['|', ['paste:\x1b[31mred\x00'], '[31mred|'],
    ['👩‍👩‍👧|', ['backspace'], '|'],
    ['e\u0301|x', ['left'], '|e\u0301x'],
    ['漢|字', ['delete'], '漢|'],
    ['a👩‍👩‍👧b|\nxyz', ['left', 'down'], 'a👩‍👩‍👧b\nxy|z'],
    ['one\ntwo|', ['M-<'], '|one\ntwo'],
    ['|one\ntwo', ['M->'], 'one\ntwo|'],
  ];
  for (const [before, keys, expected] of rows)
    test(`${JSON.stringify(before)} ${keys.join(' ')}`, () => {
      assert.equal(picture(press(at(before), ...keys)), expected);
    });

  test('the kill ring is kept by a new text, its undo is not', () => {
    const next = emptied(press(at('one two|'), 'C-w'));
    assert.equal(picture(press(next, 'C-_')), '|');
    assert.equal(picture(press(next, 'C-y')), 'two|');
  });

  for (const [before, key] of [
    ['one|\ntwo', 'up'],
    ['one\ntwo|', 'down'],
    ['one|', 'enter'],
    ['one|', 'tab'],
    ['one|', 'C-c'],
    ['one|', 'C-g'],
  ] as const)
    test(`${JSON.stringify(before)} ${key} is not the editor's`, () => {
      assert.equal(edit(at(before), { name: key, text: '' }), undefined);
    });
});

describe('the search in the history', () => {
  const cells = ['dev.bar(0)', 'edu.STATUS.read()', 'edu.ID.read()', 'dev.close()'];
  const press = (...names: string[]): Search | undefined =>
    names.reduce<Search | undefined>((state, name) => {
      const [key = '', text = ''] = /^(text):(.*)$/.exec(name)?.slice(1) ?? [name, ''];
      return state && searched(state, { name: key, text });
    }, begin(cells));
  const rows: readonly (readonly [keys: string[], shown: string | undefined, failed: boolean])[] = [
    [[], undefined, false],
    [['text:read'], 'edu.ID.read()', false],
    [['text:read', 'C-r'], 'edu.STATUS.read()', false],
    [['text:read', 'C-r', 'C-r'], 'edu.STATUS.read()', true],
    [['text:read', 'C-r', 'C-s'], 'edu.ID.read()', false],
    [['text:e', 'text:du'], 'edu.ID.read()', false],
    [['text:dev', 'C-r', 'backspace'], 'dev.close()', false],
    [['text:zzz'], undefined, true],
    [['text:zzz', 'backspace', 'backspace', 'backspace'], undefined, false],
  ];
  for (const [keys, shownText, failed] of rows)
    test(keys.join(' ') || 'at its beginning', () => {
      const search = press(...keys);
      assert.ok(search);
      assert.equal(found(search)?.text, shownText);
      assert.equal(search.failed, failed);
    });

  test('any other key ends it', () => assert.equal(press('text:dev', 'left'), undefined));
});

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

describe('history', () => {
  test('suggests the rest of the newest cell that begins so', () => {
    const cells = ['dev.bar(0)', 'dev.bar(1)', 'dev'];
    assert.equal(suggest(cells, 'dev.'), 'bar(1)');
    assert.equal(suggest(cells, 'dev'), '.bar(1)');
    assert.equal(suggest(cells, 'edu'), '');
    assert.equal(suggest(cells, ''), '');
  });

  test('is kept across two histories of one file, and two at once lose nothing', () => {
    const file = join(folder, 'state', 'vfiolab', 'history');
    const one = new History(file);
    const two = new History(file);
    assert.deepEqual(one.cells, []);
    assert.equal(one.add('dev'), undefined);
    assert.equal(two.add('for (;;) {\n}'), undefined);
    assert.equal(one.add('edu'), undefined);
    assert.equal(one.add('edu'), undefined);
    assert.deepEqual(one.cells, ['dev', 'edu']);
    assert.deepEqual(new History(file).cells, ['dev', 'for (;;) {\n}', 'edu']);
    assert.equal(readFileSync(file, 'utf8').split('\n').length, 4);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(join(folder, 'state', 'vfiolab')).mode & 0o777, 0o700);
  });

  test('a cell that came again is at its latest place only; lines that are not ours are passed over', () => {
    const lines = [
      '{"code":"a"}',
      '{"code":"b"}',
      'not json',
      '7',
      'null',
      '{"code":7}',
      '{"code":""}',
      '{"code":"a"}',
      '{"code":"c',
    ];
    assert.deepEqual(parseHistory(lines.join('\n')), ['b', 'a']);
  });

  test('of a long file the end is read, from a whole line on', () => {
    const file = join(folder, 'long');
    const long = 'x'.repeat(1000);
    for (let n = 0; n < 1100; n++) appendFileSync(file, `${JSON.stringify({ code: `${n} ${long}` })}\n`);
    const { cells } = new History(file);
    assert.equal(cells.at(-1), `1099 ${long}`);
    assert.ok(cells.length > 900 && cells.length < 1100, `${cells.length}`);
    assert.equal(cells[0], `${1100 - cells.length} ${long}`);
  });

  test('a file that cannot be written says why, and the session still has its cells', () => {
    const file = join(folder, 'plain', 'history');
    writeFileSync(join(folder, 'plain'), '');
    const history = new History(file);
    assert.match(history.add('dev') ?? '', /ENOTDIR|EEXIST/);
    assert.deepEqual(history.cells, ['dev']);
  });

  test('its place follows the XDG specification', () => {
    assert.equal(historyFile({ XDG_STATE_HOME: '/s' }), '/s/vfiolab/history');
    assert.match(historyFile({ XDG_STATE_HOME: 'relative' }), /\/\.local\/state\/vfiolab\/history$/);
    assert.match(historyFile({}), /\/\.local\/state\/vfiolab\/history$/);
  });

  test('walking goes through the cells that begin with the draft, and back to it', () => {
    const start = { cells: ['dev', 'edu.ID', 'dev.bar(0)'], index: 3, draft: 'de' };
    const first = step(start, -1);
    assert.equal(first && shown(first), 'dev.bar(0)');
    const second = first && step(first, -1);
    assert.equal(second && shown(second), 'dev');
    assert.equal(second && step(second, -1), undefined);
    const back = second && step(second, 1);
    const draft = back && step(back, 1);
    assert.equal(draft && shown(draft), 'de');
    assert.equal(draft && step(draft, 1), undefined);
  });
});

describe('completion', () => {
  const match = (text: string) => ({ text, kind: 'property' });
  const found = (...texts: string[]) => ({ matches: texts.map(match), start: 4, end: 6 });
  const typed = at('edu.ST|');

  test('a single match is filled in, without a menu', () => {
    const { editor, menu } = offer(typed, found('STATUS'));
    assert.equal(picture(editor), 'edu.STATUS|');
    assert.equal(menu, undefined);
  });
  test('several: what they have in common is filled in, the rest is a menu', () => {
    const { editor, menu } = offer(typed, found('STATUS', 'STATE', 'other'));
    assert.equal(picture(editor), 'edu.STAT|');
    assert.deepEqual(
      menu?.matches.map(({ text }) => text),
      ['STATUS', 'STATE'],
    );
    assert.ok(menu);
    const first = choose(menu, 1);
    assert.equal(picture(first.editor), 'edu.STATUS|');
    const second = choose(first.menu, 1);
    assert.equal(picture(second.editor), 'edu.STATE|');
    assert.equal(picture(choose(second.menu, 1).editor), 'edu.STATUS|');
    assert.equal(picture(choose(menu, -1).editor), 'edu.STATE|');
  });
  test('text behind the cursor stays', () => {
    assert.equal(picture(offer(at('edu.ST|.read()'), found('STATUS')).editor), 'edu.STATUS|.read()');
  });
  test('nothing found changes nothing', () => {
    assert.deepEqual(offer(typed, found()), { editor: typed, menu: undefined });
  });
  test('common prefixes', () => {
    assert.equal(commonPrefix([]), '');
    assert.equal(commonPrefix(['ab', 'abc', 'abd']), 'ab');
    assert.equal(commonPrefix(['x', 'y']), '');
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
