/** The painting: the dialogue on a terminal, its frame at the bottom, and above it the transcript, which is written once and left to scroll. */
import { paint } from './ansi.js';
import type { Dialogue } from './dialogue.js';
import { frame, nextChange } from './frame.js';
import type { Colours } from './palette.js';
import { Strokes } from './strokes.js';
import { entryLines } from './transcript.js';

export interface Painting {
  /** Takes the frame off the screen; the transcript stays. */
  readonly end: () => void;
  /** Draws the frame alone on an empty screen. */
  readonly clear: () => void;
}

/** Lays painted lines out for so many columns. */
export type Layout = (lines: readonly string[], columns: number) => readonly string[];

/** Paints until `end`. What changes together, before the next turn of the event loop, is drawn together. */
export function painting(dialogue: Dialogue, stdout: NodeJS.WriteStream, colours: Colours, layOut: Layout): Painting {
  const strokes = new Strokes(stdout);
  let said: string[] = [];
  let due: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    clearImmediate(due);
    clearTimeout(timer);
    due = undefined;
    const { scene } = dialogue;
    const now = Date.now();
    const { lines, cursor } = frame(scene, { columns: stdout.columns, rows: stdout.rows }, now);
    const painted = lines.map((line) => paint(line, colours));
    const above = said;
    said = [];
    strokes.draw(layOut(painted, stdout.columns), cursor, above);
    const next = nextChange(scene, now);
    timer = next === undefined ? undefined : setTimeout(draw, next);
  };
  const soon = (): void => {
    due ??= setImmediate(draw);
  };
  const stop = [
    dialogue.watch(soon),
    dialogue.listen((entries) => {
      for (const entry of entries)
        for (const line of entryLines(entry, stdout.columns)) said.push(paint(line, colours));
      soon();
    }),
  ];
  stdout.on('resize', soon);
  draw();
  return {
    end() {
      for (const each of stop) each();
      stdout.off('resize', soon);
      if (said.length > 0) draw();
      clearImmediate(due);
      clearTimeout(timer);
      strokes.erase();
    },
    clear() {
      stdout.write('\x1b[H\x1b[2J');
      strokes.restart();
      draw();
    },
  };
}

/** The same picture before Ink is loaded: the frame's lines are laid out already. */
export const sketch = (dialogue: Dialogue, stdout: NodeJS.WriteStream, colours: Colours): Painting =>
  painting(dialogue, stdout, colours, (lines) => lines);
