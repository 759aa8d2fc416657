/** lspci's words as a View: the same lines, with what matters in them marked. */
import { type Cell, type Tone, View } from '../view.js';
import { lspciText, type TextOptions } from './text.js';

/** One function, line for line what `lspciText` gives. Pure. */
export function lspciView(bytes: Uint8Array, options: TextOptions): View {
  let errors: RegExp | undefined;
  const rows = lspciText(bytes, options)
    .trimEnd()
    .split('\n')
    .map((line, index): readonly Cell[] => {
      if (index === 0) return heading(line);
      if (!CONTINUED.test(line)) errors = ERRORS.find(([lines]) => lines.test(line))?.[1];
      return cells(line, errors);
    });
  return new View('', [], rows, { form: 'lines' });
}

/** Lines that tell of errors, also those that continue them; and which of their flags are errors. */
const ERRORS: readonly (readonly [lines: RegExp, flags: RegExp])[] = [
  [/^\t(Secondary s|S)tatus:/, /^(ParErr|[<>].*)\+/],
  [/^\t\t\tDevSta:|^\t\tDevSta:/, /^(CorrErr|NonFatalErr|FatalErr|UnsupReq)\+/],
  [/^\t\t(UESta|CESta|RootSta):/, /\+$/],
];
const CONTINUED = /^\t\t\t/;

/** A flag, a link that is not what it could be, a note in brackets, the head of a capability. */
const MARKED =
  /([^\s,():]+[+-])(?=[\s,()]|$)|(\S+ \(downgraded\))|(<[^<>]+>|\[disabled\]|\[virtual\])|(?<=^\tCapabilities: )(\[[0-9a-f]+[^\]]*\] .*)/g;

function cells(line: string, errors: RegExp | undefined): readonly Cell[] {
  const found: Cell[] = [];
  let end = 0;
  for (const match of line.matchAll(MARKED)) {
    const [text, flag, downgraded, note, head] = match;
    if (match.index > end) found.push({ text: line.slice(end, match.index) });
    end = match.index + text.length;
    const tone: Tone =
      flag !== undefined
        ? flag.endsWith('-')
          ? 'dim'
          : errors?.test(flag)
            ? 'bad'
            : 'value'
        : downgraded !== undefined
          ? 'warn'
          : note !== undefined
            ? 'dim'
            : 'name';
    if (head === undefined) found.push({ text, tone });
    else found.push(...capability(head));
  }
  if (end < line.length || found.length === 0) found.push({ text: line.slice(end) });
  return found;
}

/** '[40] Express (v2) Endpoint, …': the offset and the name, then flags as anywhere. */
function capability(head: string): readonly Cell[] {
  const [, offset = '', rest = ''] = /^(\[[^\]]*\])(.*)$/.exec(head) ?? [];
  const name = /^ [^:,]*?(?=:| \S+[+-](\s|$)|,|$)/.exec(rest)?.[0] ?? '';
  return [
    { text: offset, tone: 'dim' },
    { text: name, tone: 'name' },
    ...(rest === name ? [] : cells(rest.slice(name.length), undefined)),
  ];
}

function heading(line: string): readonly Cell[] {
  const at = line.indexOf(' ');
  if (at < 0) return [{ text: line, tone: 'name' }];
  return [
    { text: line.slice(0, at), tone: 'name' },
    { text: line.slice(at), tone: 'value' },
  ];
}
