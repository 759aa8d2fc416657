/** The frame: what stands below the transcript and changes: output that goes on, cells that wait, the line being typed, the menu. */
import type { Scene } from './dialogue.js';
import { highlight } from './highlight.js';
import { chop, columns, fit, fold, type Line, type Look, lineText, span, splitLines, visible, wrap } from './line.js';
import { menuLines } from './menu.js';
import { panelLines } from './panels.js';
import { hintLine } from './signature.js';
import { statusChange, statusLine } from './status.js';
import { type Asked, parts } from './question.js';
import { SLOW_AFTER, trouble } from './trouble.js';
import { promptOf, settle } from './transcript.js';
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
/** Panels take no more of the screen, so that what is typed shows what it does. */
const PINNED = 2 / 3;

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

/** Rows behind a label, a cell's prompt. */
const behind = (label: string, rows: readonly Line[], look: Look): Line[] =>
  rows.map((row, y) => [span(y === 0 ? label : ' '.repeat(columns(label)), look), ...row]);

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000);

function status(scene: Scene, now: number): Line[] {
  const { kernel, running, waiting, search, joined } = scene;
  if (search)
    return [
      [
        span(search.failed ? 'not in the history: ' : 'search: ', search.failed ? 'warn' : 'dim'),
        span(visible(search.query)),
      ],
    ];
  if (kernel === 'leaving') return [[span('closing…', 'dim')]];
  const wrong = trouble(scene, now);
  if (wrong) return [[span(wrong.text, 'warn')]];
  if (kernel === 'starting') return waiting.length > 1 ? [[span('the kernel is starting…', 'dim')]] : [];
  if (!running) return [];
  if (running.interrupted !== undefined) {
    const stubborn = now - running.interrupted > STUBBORN_AFTER;
    const next = joined ? 'the notebook can restart its kernel' : 'Ctrl-C ends the kernel';
    return [[span(stubborn ? `does not stop: ${next}` : 'stopping…', 'warn')]];
  }
  const whose = running.other === undefined ? 'running' : "the other's cell runs";
  return now - running.since < BUSY_AFTER
    ? []
    : [[span(`${whose} ${seconds(now - running.since)} s, Ctrl-C stops it`, 'dim')]];
}

/** One line below the input. */
const hintLines = ({ hint }: Scene, width: number, room: number): Line[] =>
  hint && room > 0 ? [hintLine(hint, width)] : [];

/** What is being typed, and behind it what the history suggests, of which only the first line is shown. */
function typedLine({ editor, suggestion }: Scene): Line {
  const [first = '', ...more] = suggestion.split('\n');
  const typed = highlight(editor.text, editor.cursor);
  return suggestion === '' ? typed : [...typed, span(more.length > 0 ? `${first} …` : first, 'suggestion')];
}

/** A line of one look, broken at spaces. */
const folded = (line: Line, width: number): Line[] =>
  line.length === 1 ? fold(lineText(line), width).map((text) => [span(text, line[0]?.look)]) : [line];

/** What is being answered; of a password nothing is seen. */
function answerRows({ question, editor }: Asked, width: number): ReturnType<typeof layout> {
  return question.password ? layout([], 0, width) : layout([span(editor.text)], editor.cursor, width);
}

/** The frame for a scene: at most one line less than the terminal has, so that it never scrolls. */
export function frame(scene: Scene, size: Size, now: number): Frame {
  const room = Math.max(1, size.rows - 1);
  if (scene.full) {
    const whole = { columns: size.columns, rows: room };
    const lines = scene.full.lines(whole);
    return { lines, cursor: scene.full.cursor?.(whole) ?? { x: 0, y: Math.max(0, lines.length - 1) } };
  }
  const { running, waiting, partial, kernel, asked } = scene;
  const { editor } = asked ?? scene;
  const next = scene.count + 1 + (running ? 1 : 0);
  const number = next + waiting.length;
  const question = asked && parts(asked.question);
  const label = question ? fit(visible(question.label), size.columns >> 1) : promptOf(number);
  const width = Math.max(2, size.columns - columns(label));
  const { rows, x, y } = asked ? answerRows(asked, width) : layout(typedLine(scene), editor.cursor, width);
  const busy = kernel !== 'ready' || running !== undefined || waiting.length > 0;
  const typed = behind(label, rows, busy && !asked ? 'dim' : 'prompt');

  const above: Line[] = [];
  if (settle(partial) !== '') above.push([span(fit(visible(settle(partial)), size.columns))]);
  above.push(...status(scene, now).flatMap((line) => folded(line, size.columns)));
  if (question?.before)
    above.push(...question.before.split('\n').map((line) => [span(fit(visible(line), size.columns))]));
  const queued = waiting.flatMap(({ text }, index) =>
    behind(
      promptOf(next + index),
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
  const pinned = Math.min(spare - told.length, Math.floor(size.rows * PINNED));
  const shown = [...panelLines(scene.panels, size.columns, pinned), ...told];
  return {
    lines: [...shown, ...typed.slice(first, first + height), ...below],
    cursor: { x: columns(label) + x, y: shown.length + y - first },
  };
}

/** When the frame changes next although nothing happens: in ms, or undefined. */
export function nextChange({ running, told, silent, kernel, started }: Scene, now: number): number | undefined {
  const next = (since: number | undefined, from = 0): number | undefined => {
    if (since === undefined) return undefined;
    const age = now - since;
    return age < from ? from - age : 1000 - (age % 1000);
  };
  const due = [
    statusChange(told, now),
    next(running?.since, BUSY_AFTER),
    next(silent),
    kernel === 'starting' ? next(started, SLOW_AFTER) : undefined,
  ].filter((each) => each !== undefined);
  return due.length === 0 ? undefined : Math.min(...due);
}
