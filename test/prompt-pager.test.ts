/** The pager: what its keys show of something long, and the terminal's other screen. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { lineText, span } from '../repl/line.js';
import { Pager } from '../repl/pager.js';
import { needs } from './needs.js';
import { Tmux } from './tmux.js';

const SIZE = { columns: 20, rows: 4 };
const long = new Pager(Array.from({ length: 10 }, (_, n) => [span(`${n}: Row ${'abcdefghij'.repeat(3)}`)]));
const press = (...names: string[]): Pager | undefined =>
  names.reduce<Pager | undefined>((pager, name) => {
    const key = name.length === 1 ? { name: 'text', text: name } : { name, text: '' };
    return pager?.press(key, SIZE);
  }, long);
/** What begins the lines that are shown, and the last line. */
const seen = (pager: Pager | undefined): string =>
  (pager?.lines(SIZE) ?? []).map((line) => lineText(line).slice(0, 7)).join('|');

describe('the pager', () => {
  const rows: readonly (readonly [keys: string[], seen: string])[] = [
    [[], '0: Row |1: Row |2: Row |1-3 of '],
    [['down'], '1: Row |2: Row |3: Row |2-4 of '],
    [['up'], '0: Row |1: Row |2: Row |1-3 of '],
    [[' '], '3: Row |4: Row |5: Row |4-6 of '],
    [['G'], '7: Row |8: Row |9: Row |8-10 of'],
    [['G', 'pagedown'], '7: Row |8: Row |9: Row |8-10 of'],
    [['G', 'pageup'], '4: Row |5: Row |6: Row |5-7 of '],
    [['G', 'g'], '0: Row |1: Row |2: Row |1-3 of '],
    [['right'], 'bcdefgh|bcdefgh|bcdefgh|1-3 of '],
    [['right', 'left'], '0: Row |1: Row |2: Row |1-3 of '],
    [['/', '5', ':'], '0: Row |1: Row |2: Row |/5:'],
    [['/', '5', ':', 'enter'], '5: Row |6: Row |7: Row |6-8 of '],
    [['/', 'r', 'o', 'w', 'enter', 'n'], '1: Row |2: Row |3: Row |2-4 of '],
    [['/', 'r', 'o', 'w', 'enter', 'N'], '7: Row |8: Row |9: Row |8-10 of'],
    [['/', 'x', 'backspace', 'z', 'enter'], '0: Row |1: Row |2: Row |1-3 of '],
  ];
  for (const [keys, expected] of rows)
    test(keys.join(' ') || 'at first', () => assert.equal(seen(press(...keys)), expected));

  for (const key of ['q', 'escape', 'C-c']) test(`${key} leaves`, () => assert.equal(press(key), undefined));

  test('no line is wider than the screen, whatever is in it', () => {
    const wide = new Pager([[span('漢字'.repeat(20))], [span('\ttab')]]);
    for (const line of wide.lines(SIZE)) assert.ok([...lineText(line)].length <= 20, lineText(line));
  });

  test('what was not found is said', () => {
    const last = press('/', 'z', 'enter')?.lines({ columns: 60, rows: 4 }).at(-1);
    assert.equal(lineText(last ?? []), '1-3 of 10  z is not there');
  });
});

test(
  'in a terminal it has a screen of its own, and the transcript is there again afterwards',
  needs('tmux'),
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfiolab-pager-'));
    const cli = join(import.meta.dirname, '..', 'repl', 'cli.js');
    try {
      using terminal = new Tmux(`'${process.execPath}' '${cli}' repl sim:edu`, {
        columns: 80,
        env: { XDG_STATE_HOME: folder },
      });
      await terminal.until(/^2>$/m);
      terminal.enter('hexdump(Uint8Array.from({ length: 2048 }, (_, n) => n * 7 + (n >> 8)))');
      await terminal.until(/more lines: Ctrl-O shows all\n3>$/m);
      terminal.keys('C-o');
      await terminal.until(/^1-22 of 128/m);
      assert.equal(terminal.screen().length, 23);
      terminal.keys('G');
      await terminal.until(/07f0/);
      terminal.resize(40, 12);
      await terminal.until(/^107-116 of 128/m);
      terminal.keys('q');
      await terminal.until(/more lines: Ctrl-O shows all\n3>$/m);
      assert.doesNotMatch(terminal.text(), /07f0| of 128/);
      terminal.enter('1');
      await terminal.until(/^3> 1\n1\n4>$/m);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
