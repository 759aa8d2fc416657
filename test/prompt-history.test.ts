/** The history: its file, walking through it, searching in it, what it suggests. */
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { EMPTY } from '../repl/editor.js';
import { History, historyFile, parseHistory, shown, step, suggest } from '../repl/history.js';
import { begin, found, type Search, searched } from '../repl/search.js';

const folder = mkdtempSync(join(tmpdir(), 'vfiolab-prompt-'));
after(() => rmSync(folder, { recursive: true }));

describe('the search in the history', () => {
  const cells = ['dev.bar(0)', 'edu.STATUS.read()', 'edu.ID.read()', 'dev.close()'];
  const press = (...names: string[]): Search | undefined =>
    names.reduce<Search | undefined>(
      (state, name) => {
        const [key = '', text = ''] = /^(text):(.*)$/.exec(name)?.slice(1) ?? [name, ''];
        return state && searched(state, { name: key, text });
      },
      begin(cells, EMPTY),
    );
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
