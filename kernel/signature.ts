/** Signature help: the call that the cursor is in, and which of its parameters is being given. */
import type { CancellationToken, Node, SignatureHelpItems, SourceFile, TypeChecker } from 'typescript';
import { firstLine, words, wordsOfParameter } from './docs.js';
import type { Signature } from './threads.js';
import { ts } from './typescript.js';

/** TypeScript's own, of which it needs no more of a program than the checker. */
interface Internals {
  SignatureHelp: {
    getSignatureHelpItems(
      program: { getTypeChecker(): TypeChecker },
      file: SourceFile,
      position: number,
      reason: { kind: 'invoked' },
      cancellation: CancellationToken,
    ): SignatureHelpItems | undefined;
  };
  findPrecedingToken(position: number, file: SourceFile): Node | undefined;
}
const internal = ts as unknown as Internals;

const NEVER: CancellationToken = { isCancellationRequested: () => false, throwIfCancellationRequested: () => {} };

/** A type argument or an object type longer than this is not shown whole. */
const LONG = 24;

export function signatureAt(file: SourceFile, checker: TypeChecker, position: number): Signature | undefined {
  const program = { getTypeChecker: () => checker };
  const help = internal.SignatureHelp.getSignatureHelpItems(program, file, position, { kind: 'invoked' }, NEVER);
  const item = help?.items[help.selectedItemIndex];
  if (!help || !item) return undefined;
  const text = (parts: readonly { readonly text: string }[]): string => brief(parts.map((part) => part.text).join(''));
  const last = item.parameters.length - 1;
  const current = item.isVariadic ? Math.min(help.argumentIndex, last) : help.argumentIndex;
  let label = text(item.prefixDisplayParts);
  let parameter: [number, number] | undefined;
  for (const [index, { displayParts }] of item.parameters.entries()) {
    if (index > 0) label += text(item.separatorDisplayParts);
    const start = label.length;
    label += text(displayParts);
    if (index === current) parameter = [start, label.length];
  }
  label += text(item.suffixDisplayParts);
  const name = item.parameters[current]?.name;
  const declared = declaration(file, checker, position);
  const doc = declared && ((name && wordsOfParameter(declared, name)) || firstLine(words(declared)));
  return { label, ...(parameter && { parameter }), ...(doc && { doc }) };
}

/** Of the function that is called. */
function declaration(file: SourceFile, checker: TypeChecker, position: number): Node | undefined {
  let node = internal.findPrecedingToken(position, file);
  while (node) {
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && node.expression.end < position)
      return checker.getResolvedSignature(node)?.declaration;
    node = node.parent;
  }
  return undefined;
}

/** One line, what is nested deep and long in it left out. */
function brief(text: string): string {
  let line = text.replace(/\s*\n\s*/g, ' ');
  for (const group of [/<[^<>]*>/g, /\{[^{}]*\}/g]) {
    const before = line;
    line = line
      .replace(/=>/g, '\0')
      .replace(group, (inside) => (inside.length > LONG ? `${inside[0]}…${inside.at(-1)}` : inside));
    line = line.replaceAll('\0', '=>');
    if (line !== before) line = brief(line);
  }
  return line;
}
