/**
 * Keys: what a terminal in raw mode sends, as names in readline's notation: 'C-a', 'M-b', 'left', 'C-left', 'S-tab', 'enter'.
 * Text arrives in runs (name 'text'), a bracketed paste as one key (name 'paste'), however it was cut into chunks.
 * Ref: ECMA-48 5.4 (control sequences); xterm "Control Sequences": PC-Style Function Keys, Bracketed Paste Mode.
 */
// biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what this is about
export interface Key {
  readonly name: string;
  /** What was typed or pasted; empty for every other key. */
  readonly text: string;
}

const PASTE_BEGIN = '\x1b[200~';
const PASTE_END = '\x1b[201~';

/** Final letters of CSI and SS3 sequences. */
const LETTERS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  M: 'enter',
  Z: 'S-tab',
};

/** First parameter of the CSI sequences that end in '~'. */
const NUMBERS: Readonly<Record<string, string>> = {
  1: 'home',
  3: 'delete',
  4: 'end',
  5: 'pageup',
  6: 'pagedown',
  7: 'home',
  8: 'end',
};

const CONTROLS: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\x7f': 'backspace',
  '\x1b': 'escape',
};

/** '5' in `ESC [ 1 ; 5 C`: one more than a bit mask of Shift, Alt and Ctrl. */
function modifiers(parameter: string | undefined): string {
  const mask = Math.max(0, Number(parameter ?? 1) - 1);
  return (mask & 4 ? 'C-' : '') + (mask & 2 ? 'M-' : '') + (mask & 1 ? 'S-' : '');
}

function control(character: string): string {
  const name = CONTROLS[character];
  if (name) return name;
  const code = character.charCodeAt(0);
  return `C-${code === 0 ? 'space' : String.fromCharCode(code + (code <= 26 ? 0x60 : 0x40))}`;
}

/** CSI and SS3; undefined name: a sequence that nobody here binds. */
function sequence(parameters: string, final: string): string | undefined {
  const [first, second] = parameters.split(';');
  const name = final === '~' ? NUMBERS[first ?? ''] : LETTERS[final];
  return name && modifiers(second) + name;
}

export class KeyDecoder {
  #rest = '';

  /** True while an escape sequence or a paste has begun and not ended. */
  get pending(): boolean {
    return this.#rest !== '';
  }

  /** The keys that `chunk` completes. */
  push(chunk: string): Key[] {
    const keys: Key[] = [];
    let input = this.#rest + chunk;
    while (input !== '') {
      const taken = this.#take(input, keys);
      if (taken === 0) break;
      input = input.slice(taken);
    }
    this.#rest = input;
    return keys;
  }

  /** Nothing followed for a while: a lone ESC was the Escape key. A paste keeps waiting for its end. */
  flush(): Key[] {
    if (this.#rest === '' || this.#rest.startsWith(PASTE_BEGIN)) return [];
    this.#rest = '';
    return [{ name: 'escape', text: '' }];
  }

  /** Takes one key off the front of `input`; returns its length, 0 where more must come first. */
  #take(input: string, keys: Key[]): number {
    const run = /^[^\p{Cc}]+/u.exec(input);
    if (run) {
      keys.push({ name: 'text', text: run[0] });
      return run[0].length;
    }
    if (input[0] !== '\x1b') {
      const first = input[0] as string;
      if (first < '\x20' || first === '\x7f') keys.push({ name: control(first), text: '' });
      return 1;
    }
    if (input.startsWith(PASTE_BEGIN)) {
      const end = input.indexOf(PASTE_END);
      if (end < 0) return 0;
      keys.push({ name: 'paste', text: input.slice(PASTE_BEGIN.length, end) });
      return end + PASTE_END.length;
    }
    if (/^\x1b(?:O|\[[\x20-\x3f]*|\[\[)?$/.test(input)) return 0;
    const linux = /^\x1b\[\[[A-E]/.exec(input);
    if (linux) return linux[0].length;
    const found = /^\x1b(?:O|\[)([\x20-\x3f]*)([\x40-\x7e])/.exec(input);
    if (found) {
      const name = sequence(found[1] ?? '', found[2] ?? '');
      if (name) keys.push({ name, text: '' });
      return found[0].length;
    }
    const next = String.fromCodePoint(input.codePointAt(1) ?? 0x1b);
    if (next === '\x1b') keys.push({ name: 'escape', text: '' });
    else keys.push({ name: `M-${/\p{Cc}/u.test(next) ? control(next) : next}`, text: '' });
    return next === '\x1b' ? 1 : 1 + next.length;
  }
}
