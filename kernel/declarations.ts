/** The declarations that cells leave behind, as text: tslab's `.d.ts` of the session, and what we cut from it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Statement } from 'typescript';
import { ts } from './typescript.js';

const { factory: f } = ts;

/** The declarations whose value names pass `keep`; types pass always where `types` says so. */
export function cut(text: string, keep: (name: string) => boolean, types: boolean): string {
  const file = ts.createSourceFile('session.d.ts', text, ts.ScriptTarget.Latest, true);
  const printer = ts.createPrinter();
  return file.statements
    .map((statement) => pruned(statement, keep, types))
    .filter((statement) => statement !== undefined)
    .map((statement) => printer.printNode(ts.EmitHint.Unspecified, statement, file))
    .join('\n');
}

function pruned(statement: Statement, keep: (name: string) => boolean, types: boolean): Statement | undefined {
  if (ts.isVariableStatement(statement)) {
    const kept = statement.declarationList.declarations.filter(({ name }) => ts.isIdentifier(name) && keep(name.text));
    if (kept.length === 0) return undefined;
    const list = f.updateVariableDeclarationList(statement.declarationList, kept);
    return f.updateVariableStatement(statement, statement.modifiers, list);
  }
  if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement) || ts.isEnumDeclaration(statement)) {
    return statement.name && keep(statement.name.text) ? statement : undefined;
  }
  if (ts.isImportDeclaration(statement)) return prunedImport(statement, keep);
  return types ? statement : undefined;
}

function prunedImport(statement: import('typescript').ImportDeclaration, keep: (name: string) => boolean) {
  const clause = statement.importClause;
  if (!clause) return undefined;
  const { namedBindings: named } = clause;
  const name = clause.name && keep(clause.name.text) ? clause.name : undefined;
  let bindings = named;
  if (named && ts.isNamespaceImport(named)) bindings = keep(named.name.text) ? named : undefined;
  if (named && ts.isNamedImports(named)) {
    const kept = named.elements.filter((element) => keep(element.name.text));
    bindings = kept.length > 0 ? f.updateNamedImports(named, kept) : undefined;
  }
  if (!name && !bindings) return undefined;
  const pruned = f.updateImportClause(clause, clause.isTypeOnly, name, bindings);
  const { modifiers, moduleSpecifier, attributes } = statement;
  return f.updateImportDeclaration(statement, modifiers, pruned, moduleSpecifier, attributes);
}

/** The names that a package's index exports, types marked: `['open', 'type Width']`. */
export function exportedNames(index: string): string[] {
  const file = ts.createSourceFile(index, readFileSync(index, 'utf8'), ts.ScriptTarget.Latest, true);
  return file.statements.flatMap((statement) => {
    if (!ts.isExportDeclaration(statement)) return [];
    const { exportClause, moduleSpecifier, isTypeOnly } = statement;
    if (exportClause && ts.isNamedExports(exportClause)) {
      return exportClause.elements.map((each) => `${isTypeOnly || each.isTypeOnly ? 'type ' : ''}${each.name.text}`);
    }
    if (!exportClause && moduleSpecifier && ts.isStringLiteral(moduleSpecifier)) {
      const from = path.resolve(path.dirname(index), moduleSpecifier.text.replace(/\.js$/, '.d.ts'));
      return exportedNames(from);
    }
    return [];
  });
}

/** `export const a = 1`, as code pasted from a module has it: the word becomes blanks. Every name of a cell is exported. */
export function withoutExports(code: string): string {
  if (!code.includes('export')) return code;
  const file = ts.createSourceFile('cell.ts', code, ts.ScriptTarget.Latest, true);
  let plain = code;
  for (const statement of file.statements) {
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
    const word = modifiers.find(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!word || modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) continue;
    plain = plain.slice(0, word.getStart()) + ' '.repeat(word.getWidth()) + plain.slice(word.end);
  }
  return plain;
}
