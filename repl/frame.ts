/** The frame: what stands below the transcript and changes: output that goes on, cells that wait, the line being typed, the menu. */
import type { Scene } from './dialogue.js';
import { highlight } from './highlight.js';
import { chop, columns, fit, type Line, type Look, lineText, span, splitLines, visible, wrap } from './line.js';
import { menuLines } from './menu.js';
import { hintLine } from './signature.js';
import { statusChange, statusLine } from './status.js';
import { allLines, promptOf, settle } from './transcript.js';
import type { Size } from './whole.js';
import { STUBBORN_AFTER } from './work.js';

export interface Frame {
  readonly lines: readonly Line[];
  /** Where the terminal's cursor belongs: column and line, from 0. */
  readonly cursor: { readonly x: number; readonly y: number };
}

/** A cell that runs shorter than this gets no status line. */
const BUSY_AFTER = 1000;
const WAITING_ROWS = 4;

/** A text as rows of at most `width` columns, and the cursor's place among them; at the end of a full row it begins the next. */
function layout(text: Line, cursor: number, width: number): { rows: Line[]; x: number; y: number } {
  const rows: Line[] = [];
  let at = { x: 0, y: 0 };
  let start = 0;
  for (const line of splitLines(text)) {
    const pieces = wrap(line, width);
    if (columns(lineText(pieces.at(-1) ?? [])) >= width) pieces.push([]);
    const { length } = lineText(line);
    if (cursor >= start && cursor <= start + length) {
      // The pieces before the cursor are the same with and without what follows it, but for the last.
      const before = chop(visible(lineText(line).slice(0, cursor - start)), width);
      const x = columns(before.at(-1) ?? '');
      at = { x: x >= width ? 0 : x, y: rows.length + before.length - (x >= width ? 0 : 1) };
    }
    rows.push(...pieces);
    start += length + 1;
  }
  return { rows, ...at };
}

/** Rows behind a cell's prompt. */
const behind = (number: number, rows: readonly Line[], prompt: Look): Line[] =>
  rows.map((row, y) => [span(y === 0 ? promptOf(number) : ' '.repeat(promptOf(number).length), prompt), ...row]);

function status({ kernel, running, waiting, search, joined }: Scene, now: number): Line[] {
  if (search)
    return [
      [
        span(search.failed ? 'not in the history: ' : 'search: ', search.failed ? 'warn' : 'dim'),
        span(visible(search.query)),
      ],
    ];
  if (kernel === 'leaving') return [[span('closing…', 'dim')]];
  if (kernel === 'dead')
    return [[span(`no kernel: Enter ${joined ? 'joins it again' : 'starts one'}, Ctrl-D leaves`, 'warn')]];
  if (kernel === 'starting') return waiting.length > 1 ? [[span('the kernel is starting…', 'dim')]] : [];
  if (!running) return [];
  const seconds = Math.floor((now - running.since) / 1000);
  if (running.interrupted !== undefined) {
    const stubborn = now - running.interrupted > STUBBORN_AFTER;
    const next = joined ? 'the notebook can restart its kernel' : 'Ctrl-C ends the kernel';
    return [[span(stubborn ? `does not stop: ${next}` : 'stopping…', 'warn')]];
  }
  const whose = running.other === undefined ? 'running' : "the other's cell runs";
  return now - running.since < BUSY_AFTER ? [] : [[span(`${whose} ${seconds} s, Ctrl-C stops it`, 'dim')]];
}

/** One line below the input. */
const hintLines = ({ hint }: Scene, width: number, room: number): Line[] =>
  hint && room > 0 ? [hintLine(hint, width)] : [];

/** The panels, one below the other, in at most `room` lines. */
function panelLines({ panels }: Scene, width: number, room: number): Line[] {
  const lines = panels.flatMap(({ entry }) => allLines(entry, width)).map((line) => wrap(line, width)[0] ?? []);
  if (lines.length <= room) return lines;
  return room < 2 ? [] : [...lines.slice(0, room - 1), [span(`… ${lines.length - room + 1} more lines`, 'dim')]];
}

/** What is being typed, and behind it what the history suggests, of which only the first line is shown. */
function typedLine({ editor, suggestion }: Scene): Line {
  const [first = '', ...more] = suggestion.split('\n');
  const typed = highlight(editor.text, editor.cursor);
  return suggestion === '' ? typed : [...typed, span(more.length > 0 ? `${first} …` : first, 'suggestion')];
}

/** The frame for a scene: at most one line less than the terminal has, so that it never scrolls. */
export function frame(scene: Scene, size: Size, now: number): Frame {
  const room = Math.max(1, size.rows - 1);
  if (scene.full) {
    const whole = { columns: size.columns, rows: room };
    const lines = scene.full.lines(whole);
    return { lines, cursor: scene.full.cursor?.(whole) ?? { x: 0, y: Math.max(0, lines.length - 1) } };
  }
  const { editor, running, waiting, partial, kernel } = scene;
  const next = scene.count + 1 + (running ? 1 : 0);
  const number = next + waiting.length;
  const width = Math.max(2, size.columns - promptOf(number).length);
  const { rows, x, y } = layout(typedLine(scene), editor.cursor, width);
  const busy = kernel !== 'ready' || running !== undefined || waiting.length > 0;
  const typed = behind(number, rows, busy ? 'dim' : 'prompt');

  const above: Line[] = [];
  if (settle(partial) !== '') above.push([span(fit(visible(settle(partial)), size.columns))]);
  above.push(...status(scene, now));
  const queued = waiting.flatMap(({ text }, index) =>
    behind(
      next + index,
      text.split('\n').map((line) => [span(fit(visible(line), width), 'dim')]),
      'dim',
    ),
  );
  above.push(...queued.slice(0, WAITING_ROWS));
  if (queued.length > WAITING_ROWS) above.push([span(`   ${queued.length - WAITING_ROWS} more lines`, 'dim')]);
  if (kernel === 'leaving') return { lines: above.slice(0, room), cursor: { x: 0, y: Math.max(0, above.length - 1) } };

  const menu = scene.menu ? menuLines(scene.menu, size.columns, room - 1) : hintLines(scene, size.columns, room - 1);
  const foot = room > typed.length + menu.length ? statusLine(scene.told, size.columns, now) : undefined;
  const below = foot ? [...menu, foot] : menu;
  const height = Math.max(1, Math.min(typed.length, room - below.length));
  const first = Math.max(0, Math.min(y - Math.floor(height / 2), typed.length - height));
  const spare = Math.max(0, room - below.length - height);
  const told = above.slice(0, spare);
  const shown = [...panelLines(scene, size.columns, spare - told.length), ...told];
  return {
    lines: [...shown, ...typed.slice(first, first + height), ...below],
    cursor: { x: promptOf(number).length + x, y: shown.length + y - first },
  };
}

/** When the frame changes next although nothing happens: in ms, or undefined. */
export function nextChange({ running, told }: Scene, now: number): number | undefined {
  const age = statusChange(told, now);
  if (!running) return age;
  const ran = now - running.since;
  const due = ran < BUSY_AFTER ? BUSY_AFTER - ran : 1000 - (ran % 1000);
  return age === undefined ? due : Math.min(due, age);
}
