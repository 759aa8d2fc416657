/** Live panels above the input: what is written for a change, their height, what they show, and that they are in nobody's way. */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what this is about
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Strokes } from '../repl/strokes.js';
import { Picture } from './prompt-kernel.js';

/** A terminal that remembers what was written to it last. */
class Recorder extends Picture {
  last = '';
  override write(chunk: string, done?: () => void): boolean {
    this.last = chunk;
    return super.write(chunk, done);
  }
}

describe('strokes', () => {
  const frame = ['regs', '  0x20  STATUS  0x00000080', '  0x24  IRQ     0x00000000', '2> edu.'];
  const changed = (row: number, text: string): string[] => frame.map((line, y) => (y === row ? text : line));

  function drawn(columns = 40, rows = 12): { screen: Recorder; strokes: Strokes } {
    const screen = new Recorder(columns, rows);
    const strokes = new Strokes(screen);
    strokes.draw(frame, { x: 7, y: 3 });
    assert.deepEqual(screen.text, frame);
    return { screen, strokes };
  }

  test('a line that changed is written alone, nothing is erased before it, the cursor is back', () => {
    const { screen, strokes } = drawn();
    const next = changed(1, '  0x20  STATUS  0x00000081');
    strokes.draw(next, { x: 7, y: 3 });
    assert.deepEqual([screen.text, screen.x, screen.y], [next, 7, 3]);
    assert.ok(screen.last.length < 80, JSON.stringify(screen.last));
    assert.doesNotMatch(screen.last, /\x1b\[\d*J|\x1b\[2K|IRQ|edu/);
    screen.last = '';
    strokes.draw(next, { x: 7, y: 3 });
    assert.equal(screen.last, '');
    // A key: its line, and the cursor is not hidden for it.
    strokes.draw(
      next.map((line) => line.replace('edu.', 'edu.I')),
      { x: 8, y: 3 },
    );
    assert.equal(screen.last, '\r2> edu.I\x1b[K\r\x1b[8C');
  });

  test('a line as wide as the terminal keeps its last character', () => {
    const { screen, strokes } = drawn();
    const full = 'x'.repeat(40);
    strokes.draw(changed(1, full), { x: 7, y: 3 });
    assert.doesNotMatch(screen.last.slice(0, screen.last.indexOf('\x1b[2B')), /x\x1b\[K/);
    assert.equal(screen.text[1], full);
  });

  test('what is said stands above a frame that moved down, grew and shrank; what the terminal wraps, too', () => {
    for (const [said, frames] of [
      [
        ['one', 'two'],
        [frame, ['3>'], frame],
      ],
      [
        ['w'.repeat(100), 'a\ttab'],
        [frame, ['3>'], frame],
      ],
      [Array.from({ length: 50 }, (_, n) => `line ${n}`), [frame, ['3>'], frame]],
    ] as const) {
      const { screen, strokes } = drawn();
      const expected: string[] = [];
      for (const lines of frames) {
        strokes.draw(lines, { x: 0, y: lines.length - 1 }, said);
        expected.push(...said.flatMap((line) => line.replace('\t', '').match(/.{1,40}/g) ?? []));
        assert.deepEqual(
          screen.text.map((line) => line.replace('\t', '')),
          [...expected, ...lines],
        );
      }
    }
  });
});
