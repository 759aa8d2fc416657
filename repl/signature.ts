/** Signature help: what the call at the cursor takes, asked for when typing pauses and never waited for. */
import jsTokens from 'js-tokens';
import type { Signature } from '../kernel/client.js';
import type { Editor } from './editor.js';
import { columns, type Line, slice, span, visible, wrap } from './line.js';

/** What is said below the input, in one line. */
export interface Hint {
  readonly text: string;
  /** text[start, end) stands out, and is seen whatever the width. */
  readonly mark?: readonly [start: number, end: number];
}

/** Typing has paused when no key came for so long, in milliseconds. */
export const PAUSE = 100;

/** These take parentheses and are no calls. */
const WORDS = new Set([
  'if',
  'for',
  'while',
  'switch',
  'catch',
  'with',
  'function',
  'return',
  'typeof',
  'await',
  'of',
  'in',
]);

/** The offset of the parenthesis of the call that text[0, cursor) ends in. */
export function callAt(text: string, cursor: number): number | undefined {
  const open: { at: number; text: string; call: boolean }[] = [];
  let at = 0;
  let before = '';
  for (const { type, value } of jsTokens(text.slice(0, cursor))) {
    if (type === 'Punctuator' && /^[([{]$/.test(value)) {
      open.push({ at, text: value, call: value === '(' && /[\p{L}\p{N}_$)\]>]$/u.test(before) && !WORDS.has(before) });
    } else if (type === 'Punctuator' && /^[)\]}]$/.test(value)) open.pop();
    else if (type === 'TemplateHead') open.push({ at, text: value, call: false });
    else if (type === 'TemplateTail') open.pop();
    at += value.length;
    if (!/^(?:WhiteSpace|LineTerminatorSequence|.*Comment)$/.test(type)) before = value;
  }
  return open.findLast(({ call }) => call)?.at;
}

const hintOf = ({ label, parameter, doc }: Signature): Hint => ({
  text: doc ? `${label}  ${doc}` : label,
  ...(parameter && { mark: parameter }),
});

/** A hint as one line of at most `width` columns: where it is too long, what stands between the parenthesis and the mark is left out. */
export function hintLine({ text, mark }: Hint, width: number): Line {
  const shown = visible(text);
  const [start, end] = mark ?? [0, 0];
  const line: Line = [
    span(shown.slice(0, start), 'dim'),
    span(shown.slice(start, end), 'match'),
    span(shown.slice(end), 'dim'),
  ];
  const name = shown.indexOf('(') + 1;
  if (columns(shown.slice(0, end)) < width || name === 0 || name >= start) return wrap(line, width)[0] ?? [];
  const rest = slice(line, start, Number.POSITIVE_INFINITY);
  return wrap([...slice(line, 0, Math.min(name, Math.floor(width / 2))), span('… ', 'dim'), ...rest], width)[0] ?? [];
}

export interface SignatureOptions {
  readonly ask: (text: string, cursor: number) => Promise<Signature | undefined>;
  readonly show: (hint: Hint | undefined) => void;
}

export class SignatureHelp {
  readonly #options: SignatureOptions;
  /** Of the call that was asked about last: the text up to its parenthesis, and what was answered. */
  #last: { readonly call: string; readonly hint: Hint | undefined } | undefined;
  /** The call that the cursor is in now. */
  #now: { readonly editor: Editor; readonly call: string } | undefined;
  #pause: NodeJS.Timeout | undefined;
  #asking = false;

  constructor(options: SignatureOptions) {
    this.#options = options;
  }

  /** The text or the cursor is another one. @returns what is known already of the call that it is in */
  follow(editor: Editor): Hint | undefined {
    clearTimeout(this.#pause);
    const at = callAt(editor.text, editor.cursor);
    this.#now = at === undefined ? undefined : { editor, call: editor.text.slice(0, at) };
    if (!this.#now) return undefined;
    const { call } = this.#now;
    this.#pause = setTimeout(() => this.#ask(editor, call), PAUSE).unref();
    return this.#last?.call === call ? this.#last.hint : undefined;
  }

  /** One question at a time. An answer that comes after more was typed is shown where it is about the same call. */
  async #ask(editor: Editor, call: string): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const found = await this.#options.ask(editor.text, editor.cursor).catch(() => undefined);
    this.#asking = false;
    const now = this.#now;
    if (!now) return;
    if (now.call === call && (found || this.#last?.call === call)) {
      this.#last = { call, hint: found && hintOf(found) };
      this.#options.show(this.#last.hint);
    }
    if (now.editor !== editor) this.follow(now.editor);
  }
}
