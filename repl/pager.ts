/** The pager: something long, the whole screen for it. A pure state machine: keys in, the next state out; undefined leaves it. */
import type { Key } from './keys.js';
import { columns, fit, type Line, lineText, slice, span, wrap } from './line.js';
import type { FullScreen, Size } from './whole.js';

/** Columns that Left and Right move by. */
const SIDEWAYS = 8;

interface State {
  readonly top: number;
  readonly left: number;
  /** What was looked for last; while it is being typed, `typing`. */
  readonly query: string;
  readonly typing: boolean;
  readonly failed: boolean;
}

export class Pager implements FullScreen {
  readonly #lines: readonly Line[];
  readonly #texts: readonly string[];
  readonly #state: State;

  constructor(
    lines: readonly Line[],
    state: State = { top: 0, left: 0, query: '', typing: false, failed: false },
    texts: readonly string[] = lines.map(lineText),
  ) {
    this.#lines = lines;
    this.#texts = texts;
    this.#state = state;
  }

  #with(change: Partial<State>): Pager {
    return new Pager(this.#lines, { ...this.#state, ...change }, this.#texts);
  }

  lines({ columns: width, rows }: Size): Line[] {
    const { left, query } = this.#state;
    const height = rows - 1;
    const top = this.#top(height);
    const shown = this.#lines.slice(top, top + height).map((line) => marked(line, query));
    const body = shown.map((line) => wrap(slice(line, left, Number.POSITIVE_INFINITY), width)[0] ?? []);
    while (body.length < height) body.push([span('~', 'dim')]);
    return [...body, this.#foot(top, height, width)];
  }

  #top(height: number): number {
    return Math.max(0, Math.min(this.#state.top, this.#lines.length - height));
  }

  #foot(top: number, height: number, width: number): Line {
    const { typing, query, failed } = this.#state;
    if (typing) return [span(fit(`/${query}`, width))];
    const place = `${top + 1}-${Math.min(this.#lines.length, top + height)} of ${this.#lines.length}`;
    const rest = failed ? `  ${query} is not there` : '  q leaves, / looks for, n N next, arrows move';
    return [span(place, 'selected'), span(fit(rest, Math.max(0, width - columns(place))), failed ? 'warn' : 'dim')];
  }

  press(key: Key, { rows }: Size): Pager | undefined {
    const state = this.#state;
    const height = rows - 1;
    const top = this.#top(height);
    if (state.typing) return this.#type(key, top);
    const to = (line: number): Pager => this.#with({ top: Math.max(0, Math.min(line, this.#lines.length - height)) });
    switch (key.name === 'text' ? key.text : key.name) {
      case 'q':
      case 'escape':
      case 'C-c':
      case 'C-d':
        return undefined;
      case 'up':
      case 'k':
      case 'C-p':
        return to(top - 1);
      case 'down':
      case 'j':
      case 'enter':
      case 'C-n':
        return to(top + 1);
      case 'pageup':
      case 'b':
      case 'M-v':
        return to(top - height);
      case 'pagedown':
      case ' ':
      case 'f':
      case 'C-v':
        return to(top + height);
      case 'home':
      case 'g':
      case 'M-<':
        return to(0).#with({ left: 0 });
      case 'end':
      case 'G':
      case 'M->':
        return to(this.#lines.length);
      case 'left':
        return this.#with({ left: Math.max(0, state.left - SIDEWAYS) });
      case 'right':
        return this.#with({ left: state.left + SIDEWAYS });
      case '/':
        return this.#with({ typing: true, query: '', failed: false });
      case 'n':
        return this.#find(top, 1);
      case 'N':
        return this.#find(top, -1);
      default:
        return this;
    }
  }

  #type(key: Key, top: number): Pager {
    const { query } = this.#state;
    switch (key.name) {
      case 'text':
      case 'paste':
        return this.#with({ query: query + key.text });
      case 'backspace':
        return this.#with({ query: query.slice(0, -1), typing: query !== '' });
      case 'enter':
        return this.#with({ typing: false }).#find(top - 1, 1);
      case 'escape':
      case 'C-c':
      case 'C-g':
        return this.#with({ typing: false, query: '' });
      default:
        return this;
    }
  }

  /** The next line below (1) or above (-1) `from` that contains the query, whatever its case; from the other end when there is none. */
  #find(from: number, by: -1 | 1): Pager {
    const query = this.#state.query.toLowerCase();
    const count = this.#texts.length;
    if (query === '') return this;
    for (let step = 1; step <= count; step++) {
      const at = (from + by * step + 2 * count) % count;
      if (this.#texts[at]?.toLowerCase().includes(query)) return this.#with({ top: at, failed: false });
    }
    return this.#with({ failed: true });
  }
}

/** A line in which what was looked for stands out. */
function marked(line: Line, query: string): Line {
  const text = lineText(line).toLowerCase();
  const wanted = query.toLowerCase();
  if (wanted === '' || !text.includes(wanted)) return line;
  const spans = [];
  let from = 0;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, from)) {
    spans.push(...slice(line, from, at), span(lineText(slice(line, at, at + wanted.length)), 'selected'));
    from = at + wanted.length;
  }
  return [...spans, ...slice(line, from, Number.POSITIVE_INFINITY)];
}
