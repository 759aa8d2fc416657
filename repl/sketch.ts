/** The sketch: the same picture by plain writes, from the first moment until Ink is loaded. */
import { paint } from './ansi.js';
import type { Dialogue } from './dialogue.js';
import { frame } from './frame.js';
import type { Line } from './line.js';
import { type Entry, entryLines } from './transcript.js';

export interface Painting {
  /** Takes the frame off the screen; the transcript stays. */
  readonly end: () => void;
  /** Draws the frame alone on an empty screen. */
  readonly clear: () => void;
}

export function sketch(dialogue: Dialogue, stdout: NodeJS.WriteStream, colours: boolean): Painting {
  /** Lines of the frame above and below the cursor. */
  let [above, below] = [0, 0];
  const text = (lines: readonly Line[]): string => lines.map((line) => paint(line, colours)).join('\r\n');
  // Line by line: tmux keeps what "erase below" takes off a whole screen.
  const clear = (): string => `\r${'\n'.repeat(below)}\x1b[2K${'\x1b[A\x1b[2K'.repeat(above + below)}`;
  const draw = (said = ''): void => {
    const { lines, cursor } = frame(dialogue.scene, { columns: stdout.columns, rows: stdout.rows }, Date.now());
    const taken = clear();
    [above, below] = [cursor.y, lines.length - 1 - cursor.y];
    const back = `\r${below > 0 ? `\x1b[${below}A` : ''}${cursor.x > 0 ? `\x1b[${cursor.x}C` : ''}`;
    stdout.write(taken + said + text(lines) + back);
  };
  const say = (entries: readonly Entry[]): void =>
    draw(`${text(entries.flatMap((entry) => entryLines(entry, stdout.columns)))}\r\n`);
  const stop = [dialogue.watch(() => draw()), dialogue.listen(say)];
  draw();
  return {
    end() {
      for (const each of stop) each();
      stdout.write(clear());
    },
    clear() {
      [above, below] = [0, 0];
      stdout.write('\x1b[H\x1b[2J');
      draw();
    },
  };
}
