/**
 * `using` at the top level of a cell: what it holds is disposed when the cell ends, so no later cell may use the name, and is
 * told why. The cell's last value is shown all the same.
 */
import type { Expression, Node, SourceFile, Statement, TransformerFactory } from 'typescript';
import { boundNames } from './emit.js';
import { ts } from './typescript.js';

const { factory: f } = ts;

const isUsing = (statement: Statement): boolean =>
  ts.isVariableStatement(statement) && (statement.declarationList.flags & ts.NodeFlags.Using) === ts.NodeFlags.Using;

/** The names that a cell holds so. */
export function disposedNames(code: string): string[] {
  if (!code.includes('using')) return [];
  const file = ts.createSourceFile('cell.ts', `${code}\nexport {};`, ts.ScriptTarget.Latest, false);
  return file.statements
    .filter(isUsing)
    .flatMap((each) =>
      ts.isVariableStatement(each) ? each.declarationList.declarations.flatMap(({ name }) => boundNames(name)) : [],
    );
}

/** What the checker says of such a name in a later cell, in place of that there is none. */
export function whyGone(message: string, gone: ReadonlySet<string>): string {
  const name = /^Cannot find name '([^']+)'/.exec(message)?.[1];
  if (name === undefined || !gone.has(name)) return message;
  return `'${name}' was disposed when its cell ended, as a top-level 'using' is; declare it with 'const' to keep it.`;
}

/** `using` puts all that follows into a `try`, where the converter does not find the last expression: `__value(…)` takes it. */
export const lastValue: TransformerFactory<SourceFile> = () => (file) => {
  if (!file.statements.some(isUsing)) return file;
  const at = file.statements.findLastIndex((each) => !ts.isExportDeclaration(each));
  const last = file.statements[at];
  if (!last || !ts.isExpressionStatement(last)) return file;
  const call: Expression = f.createCallExpression(f.createIdentifier('__value'), undefined, [last.expression]);
  const taken: Node = ts.setTextRange(f.updateExpressionStatement(last, call), last);
  return f.updateSourceFile(
    file,
    file.statements.map((each) => (each === last ? (taken as Statement) : each)),
  );
};
