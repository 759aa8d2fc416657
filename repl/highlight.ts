/**
 * The colours of what is being typed, and the bracket that belongs to the one at the cursor. It knows words only: types are the
 * compiler's, and its answers come later than the next key.
 */
import jsTokens, { type Token } from 'js-tokens';
import { type Line, type Look, span } from './line.js';

const KEYWORDS = new Set(
  (
    'abstract as async await break case catch class const continue debugger declare default delete do else enum export extends false ' +
    'finally for from function if implements import in infer instanceof interface is keyof let new null of private protected public ' +
    'readonly return satisfies static super switch this throw true try type typeof undefined unique using var void while with yield'
  ).split(' '),
);

/** As datasheets write registers and fields: at least two characters, upper case. */
const REGISTER = /^[A-Z][A-Z0-9_]+$/;

const LOOKS: Partial<Record<Token['type'], Look>> = {
  StringLiteral: 'string',
  NoSubstitutionTemplate: 'string',
  TemplateHead: 'string',
  TemplateMiddle: 'string',
  TemplateTail: 'string',
  RegularExpressionLiteral: 'string',
  MultiLineComment: 'comment',
  SingleLineComment: 'comment',
  HashbangComment: 'comment',
  NumericLiteral: 'number',
};

function look({ type, value }: Token): Look {
  if (type !== 'IdentifierName') return LOOKS[type] ?? 'plain';
  if (KEYWORDS.has(value)) return 'keyword';
  return REGISTER.test(value) ? 'name' : 'plain';
}

const CLOSES: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** A bracket: its place, and what stands there; a template's braces count as brackets. */
interface Bracket {
  readonly at: number;
  readonly text: string;
}

function brackets({ type, value }: Token, at: number): Bracket[] {
  if (type === 'Punctuator') return /^[()[\]{}]$/.test(value) ? [{ at, text: value }] : [];
  const found: Bracket[] = [];
  if (type === 'TemplateMiddle' || type === 'TemplateTail') found.push({ at, text: '}' });
  if (type === 'TemplateHead' || type === 'TemplateMiddle') found.push({ at: at + value.length - 1, text: '{' });
  return found;
}

/** What a cell looks like while it is typed. `cursor`: where its bracket is looked for, before it or at it. */
export function highlight(text: string, cursor?: number): Line {
  const line: { text: string; look: Look; at: number }[] = [];
  const open: Bracket[] = [];
  const marks = new Map<number, Look>();
  const near = (at: number): boolean => cursor !== undefined && (at === cursor || at === cursor - 1);
  let at = 0;
  for (const token of jsTokens(text)) {
    line.push({ text: token.value, look: look(token), at });
    for (const bracket of brackets(token, at)) {
      if (bracket.text in CLOSES) {
        open.push(bracket);
        continue;
      }
      const opener = open.pop();
      if (opener === undefined || CLOSES[opener.text] !== bracket.text) marks.set(bracket.at, 'error');
      else if (near(opener.at) || near(bracket.at)) {
        marks.set(opener.at, 'match');
        marks.set(bracket.at, 'match');
      }
    }
    at += token.value.length;
  }
  if (marks.size === 0) return line.map(({ text, look }) => span(text, look));
  return line.flatMap(({ text, look, at }) => {
    const cuts = [...marks.keys()].filter((mark) => mark >= at && mark < at + text.length).sort((a, b) => a - b);
    let from = at;
    const spans = [];
    for (const cut of cuts) {
      if (cut > from) spans.push(span(text.slice(from - at, cut - at), look));
      spans.push(span(text.slice(cut - at, cut - at + 1), marks.get(cut) ?? look));
      from = cut + 1;
    }
    if (from < at + text.length) spans.push(span(text.slice(from - at), look));
    return spans;
  });
}
