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
