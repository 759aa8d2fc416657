/** Keys out of bytes, the editor, and completion in it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { choose, commonPrefix, offer } from '../repl/completion.js';
import { EMPTY, type Editor, edit, emptied } from '../repl/editor.js';
import { type Key, KeyDecoder } from '../repl/keys.js';

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
