/**
 * The first step of a cell's way to runnable code, where tslab's converter is put right: it turns names of earlier cells into
 * `exports.name`, but not in `{ name }`; and it keeps a cell's own `let` in a local beside the export, which a later cell's
 * assignment then does not reach.
 */
import type {
  CustomTransformers,
  ExportDeclaration,
  Identifier,
  Node,
  SourceFile,
  Statement,
  TransformerFactory,
  TypeChecker,
  VariableStatement,
} from 'typescript';
import type { Builder } from './program.js';
import { ts } from './typescript.js';
import { lastValue } from './using.js';

const { factory: f, SyntaxKind } = ts;

/** What the converter gets in place of the session's program. */
export function corrected(builder: Builder): Builder {
  return {
    ...builder,
    getProgram: () => {
      const program = builder.getProgram();
      return { ...program, getTypeChecker: () => correctedChecker(program.getTypeChecker()) };
    },
    emit: (file, write, cancellation, onlyDeclarations, transformers) =>
      builder.emit(file, write, cancellation, onlyDeclarations, {
        ...transformers,
        before: [...(transformers?.before ?? []), longhand, lastValue],
        after: [...(transformers?.after ?? []), exportedLets],
      } satisfies CustomTransformers),
  };
}

function correctedChecker(plain: TypeChecker): TypeChecker {
  return {
    ...plain,
    getSymbolAtLocation: (node) => {
      const written = ts.getParseTreeNode(node);
      const parent = written?.parent;
      return parent && ts.isShorthandPropertyAssignment(parent) && parent.name === written
        ? plain.getShorthandAssignmentValueSymbol(parent)
        : plain.getSymbolAtLocation(node);
    },
  };
}

/** `{ a }` as `{ a: a }`, `{ a = 1 } = …` as `{ a: a = 1 } = …`. */
const longhand: TransformerFactory<SourceFile> = (context) => (file) => {
  const visit = (node: Node): Node => {
    const inner = ts.visitEachChild(node, visit, context);
    if (!ts.isShorthandPropertyAssignment(inner)) return inner;
    const { name, objectAssignmentInitializer: otherwise } = inner;
    const value = ts.setTextRange(ts.setOriginalNode(f.createIdentifier(name.text), name), name);
    const long = f.createPropertyAssignment(
      f.createIdentifier(name.text),
      otherwise ? f.createAssignment(value, otherwise) : value,
    );
    return ts.setTextRange(long, inner);
  };
  return ts.visitNode(file, visit) as SourceFile;
};

/** `let n = 0; … export { n }` as `export let n = 0`: then `n` is the export, and nothing else. */
const exportedLets: TransformerFactory<SourceFile> = () => (file) => {
  const clause = file.statements.find(isOwnExports);
  if (!clause) return file;
  const exported = new Set(clause.exportClause.elements.map(({ name }) => name.text));
  const moved = new Set<string>();
  const statements = file.statements.map((statement): Statement => {
    if (!isLet(statement)) return statement;
    const names = statement.declarationList.declarations.flatMap(({ name }) => boundNames(name));
    if (!names.every((name) => exported.has(name))) return statement;
    for (const name of names) moved.add(name);
    const list = f.updateVariableDeclarationList(
      statement.declarationList,
      statement.declarationList.declarations.map((each) =>
        each.initializer
          ? each
          : f.updateVariableDeclaration(each, each.name, undefined, undefined, f.createVoidZero()),
      ),
    );
    return f.updateVariableStatement(statement, [f.createModifier(SyntaxKind.ExportKeyword)], list);
  });
  const left = clause.exportClause.elements.filter(({ name }) => !moved.has(name.text));
  const rest = f.updateExportDeclaration(
    clause,
    clause.modifiers,
    clause.isTypeOnly,
    f.updateNamedExports(clause.exportClause, left),
    undefined,
    undefined,
  );
  return f.updateSourceFile(
    file,
    statements.map((statement) => (statement === clause ? rest : statement)),
  );
};

type OwnExports = ExportDeclaration & { readonly exportClause: import('typescript').NamedExports };

/** The one that the converter adds at the end. */
function isOwnExports(statement: Statement): statement is OwnExports {
  return (
    ts.isExportDeclaration(statement) &&
    !statement.moduleSpecifier &&
    statement.exportClause !== undefined &&
    ts.isNamedExports(statement.exportClause) &&
    statement.exportClause.elements.length > 0
  );
}

function isLet(statement: Statement): statement is VariableStatement {
  return (
    ts.isVariableStatement(statement) &&
    !statement.modifiers?.length &&
    (statement.declarationList.flags & (ts.NodeFlags.Const | ts.NodeFlags.Using)) === 0
  );
}

/** The names that a declaration binds: `x`, or those of a pattern. */
export function boundNames(name: Identifier | import('typescript').BindingPattern): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? boundNames(element.name) : []));
}
