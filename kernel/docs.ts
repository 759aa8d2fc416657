/**
 * Documentation comments, parsed only where somebody asks: to parse all of them with the libraries costs a sixth of a kernel's
 * start.
 */
import type { CreateSourceFileOptions, Node, SourceFile, Symbol as TsSymbol } from 'typescript';
import { ts } from './typescript.js';

/** What the compiler's host says instead. */
export const WITHOUT_DOCS = ts.JSDocParsingMode.ParseNone;

type Documented = Node & { jsDoc?: (Node & { parent: Node })[]; flags: number };

const documented = new WeakSet<SourceFile>();

/** Gives a symbol's declarations their comments. */
export function document(symbol: TsSymbol): void {
  for (const declaration of symbol.declarations ?? []) documentFile(declaration.getSourceFile());
}

function documentFile(file: SourceFile): void {
  if (documented.has(file)) return;
  documented.add(file);
  const options: CreateSourceFileOptions = {
    languageVersion: file.languageVersion,
    jsDocParsingMode: ts.JSDocParsingMode.ParseAll,
  };
  copy(ts.createSourceFile(file.fileName, file.text, options, true), file);
}

/** Two trees of one text have the same shape. */
function copy(from: Documented, to: Documented): void {
  if (from.jsDoc) {
    to.jsDoc = from.jsDoc;
    for (const comment of from.jsDoc) comment.parent = to;
  }
  const left = children(from);
  const right = children(to);
  if (left.length === right.length) for (const [i, child] of right.entries()) copy(left[i] as Node, child);
}

function children(node: Node): Node[] {
  const found: Node[] = [];
  node.forEachChild((child) => void found.push(child));
  return found;
}

/** The comment over a declaration as text; '' where there is none. Nothing is parsed for it. */
function comment(declared: Node): string {
  let at = declared;
  if (ts.isVariableDeclaration(at)) at = at.parent.parent;
  const file = at.getSourceFile();
  const comments = ts.getLeadingCommentRanges(file.text, at.pos) ?? [];
  const range = comments.findLast(({ pos }) => file.text.startsWith('/**', pos));
  if (!range) return '';
  const lines = file.text.slice(range.pos + 3, range.end - 2).split('\n');
  const text = lines.map((line) => line.replace(/^\s*\*? ?/, '').trimEnd()).join('\n');
  return text.replace(/\{@link(?:code|plain)? ([^}|\s]+)[^}]*\}/g, '$1');
}

/** The same up to its first tag. */
export const words = (declared: Node): string =>
  comment(declared)
    .replace(/(?:^|\n)\s*@[a-z][\s\S]*$/, '')
    .trim();

/** What `@param` says of one parameter, as one line. */
export function wordsOfParameter(declared: Node, name: string): string {
  const found = new RegExp(`(?:^|\\n)\\s*@param (?:\\{[^}]*\\} ?)?${name}\\s+(?:- )?([^@]*)`).exec(comment(declared));
  return firstLine(found?.[1] ?? '');
}

/** The words over the variable that a declaration is in. */
export function wordsOfVariable(declared: Node): string {
  let at: Node | undefined = declared;
  while (at && !ts.isVariableStatement(at)) at = at.parent;
  return at ? words(at) : '';
}

/** The first paragraph, as one line. */
export const firstLine = (text: string): string => (text.split(/\n\s*\n/, 1)[0] ?? '').replace(/\s+/g, ' ').trim();
