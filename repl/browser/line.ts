/** A browser's first and last line: what is browsed and how; what is being typed, what was said, or the keys. */

import type { Key } from '../keys.js';
import { columns, fit, type Line, type Look, pad, type Span, slice, span, visible } from '../line.js';
import type { Size } from '../whole.js';
import { HELP, seek } from './keys.js';
import { type Change, RATES, type State, say, target, to, typedValue } from './state.js';
import { hex, named, needle, place, swapped } from './words.js';

const WIDEST = Math.max(...HELP.map(([keys]) => keys.length));

/** Lines of the help on a screen: all but the first and the last. */
const helpRows = ({ rows }: Size): number => Math.max(1, rows - 2);

export const helpPages = (size: Size): number => Math.ceil(HELP.length / helpRows(size));

export function helpLines(page: number, size: Size): Line[] {
  const rows = helpRows(size);
  const shown = HELP.slice((page - 1) * rows, page * rows).map(([keys, does]): Line => {
    const line = [span(pad(keys, WIDEST + 2), 'name'), span(does)];
    return slice(line, 0, size.columns);
  });
  while (shown.length < rows) shown.push([]);
  return shown;
}

export function headLine({ browsed, width, big, rate, busy, cursor, over }: State, room: number): Line {
  const every = RATES[rate] ?? 0;
  const parts: Span[] = [span(visible(browsed.path), 'title')];
  if (busy) parts.push(span('busy', 'warn'));
  parts.push(span(`${width}-bit ${big ? 'BE' : 'LE'}`));
  if (every > 0 && over === undefined) parts.push(span(`every ${every} ms`, 'name'));
  parts.push(span(`${hex(BigInt(browsed.base) + BigInt(cursor))} of ${hex(browsed.size)}`, 'dim'));
  const line: Span[] = [];
  let used = 0;
  for (const [n, { text, look }] of parts.entries()) {
    const before = n === 0 ? '' : '  ';
    const left = room - used - before.length;
    if (left < 1 || (n > 0 && columns(text) > left)) continue;
    line.push(span(`${before}${fit(text, left)}`, look));
    used += before.length + Math.min(left, columns(text));
  }
  return line;
}

const LABELS = { jump: () => ':', search: () => '/', edit: (name: string) => `${name} = ` } as const;
const HINTS = { jump: 'offset or register', search: '"text", hex bytes or 0x…', edit: 'a number, or FIELD=…' } as const;

/** What is being typed, and what it would mean. */
function typed(state: State): { text: string; hint: string; look: Look } | undefined {
  const { typing, browsed, cursor, big } = state;
  if (!typing) return undefined;
  const { what } = typing;
  const said = `${LABELS[what](target(state).name)}${visible(typing.text)}`;
  if (typing.text.trim() === '') return { text: said, hint: HINTS[what], look: 'dim' };
  if (what === 'jump') {
    const meant = place(typing.text, browsed, cursor);
    if ('no' in meant) return { text: said, hint: meant.no, look: 'warn' };
    const [register] = named(browsed.registers, typing.text);
    return { text: said, hint: `${hex(meant.ok)} ${register?.name ?? ''}`, look: 'dim' };
  }
  const meant = what === 'search' ? needle(typing.text, big) : typedValue(state, typing.text);
  if ('no' in meant) return { text: said, hint: meant.no, look: 'warn' };
  const { ok } = meant;
  const hint =
    typeof ok === 'bigint'
      ? hex(ok)
      : Buffer.from(ok)
          .toString('hex')
          .replace(/(..)(?=.)/g, '$1 ');
  return { text: said, hint, look: 'dim' };
}

export function footLine(state: State, room: number): { readonly line: Line; readonly cursor: number } {
  const { asking, note, over, hunt, browsed } = state;
  const writing = typed(state);
  const plain = (text: string, look: Look) => ({ line: [span(fit(visible(text), room), look)], cursor: 0 });
  if (writing) {
    // Of a long text its end is seen.
    let { text } = writing;
    while (columns(text) > room - 1) text = text.slice(1);
    const left = room - columns(text) - 2;
    const hint = left > 3 ? [span(`  ${fit(visible(writing.hint), left)}`, writing.look)] : [];
    return { line: [span(text), ...hint], cursor: columns(text) };
  }
  if (state.help > 0) return plain('any key goes on', 'dim');
  if (asking) return plain(`Write to ${browsed.path}? y n`, 'warn');
  if (hunt) return plain(`looking at ${hex(hunt.at)}, Escape stops`, 'dim');
  if (over !== undefined) return plain(`nothing is read any more, q leaves: ${over}`, 'bad');
  if (note) return plain(note.text, note.look);
  return plain('? help  q leave  : go to  / look  = write  r read again', 'dim');
}

/** A key while something is being typed. */
export function typeKey(state: State, key: Key, top: number): Change {
  const { typing, browsed, cursor } = state;
  if (!typing) return {};
  const { what, text } = typing;
  const typed = (text: string): Change => ({ typing: { what, text } });
  switch (key.name) {
    case 'text':
    case 'paste':
      return typed(text + key.text.replace(/\s+/g, ' '));
    case 'backspace':
    case 'C-h':
      return text === '' ? { typing: undefined } : typed([...text].slice(0, -1).join(''));
    case 'C-u':
      return typed('');
    case 'C-w':
      return typed(text.replace(/\S*\s*$/, ''));
    case 'tab': {
      const [first] = what === 'jump' ? named(browsed.registers, text) : [];
      return first ? typed(first.name) : {};
    }
    case 'escape':
    case 'C-c':
    case 'C-g':
      return { typing: undefined };
    case 'enter':
      return { typing: undefined, ...(text.trim() === '' ? {} : entered()) };
    default:
      return {};
  }

  function entered(): Change {
    if (what === 'jump') {
      const meant = place(text, browsed, cursor);
      return 'no' in meant ? say(meant.no) : to(state, meant.ok, top);
    }
    if (what === 'search') {
      const meant = needle(text, state.big);
      return 'no' in meant ? say(meant.no) : { needle: meant.ok, ...seek({ ...state, needle: meant.ok }, 1) };
    }
    const meant = typedValue(state, text);
    if ('no' in meant) return say(meant.no);
    const { name, offset, width } = target(state);
    const value = swapped(meant.ok, width, state.big);
    return { deed: { why: 'edit', offset, width, value, name }, ...say(`writing ${name}…`, 'dim') };
  }
}
