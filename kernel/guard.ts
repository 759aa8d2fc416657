/**
 * The second step of a cell's way to runnable code, JavaScript module to function body: a guard in every loop, so that an
 * interrupt ends it; `import()` through the session; and notes on what the cell imports and declares.
 */
import type {
  Block,
  CallExpression,
  Expression,
  Node,
  SourceFile,
  Statement,
  TransformationContext,
  TransformerFactory,
} from 'typescript';
import { boundNames } from './emit.js';
import { LINE } from './scope.js';
import { ts } from './typescript.js';

export interface Notes {
  readonly imports: Set<string>;
  readonly names: Set<string>;
}

const { factory: f, SyntaxKind } = ts;

/** `if (__stop[0] | __cell[0]) throw __interrupted();` */
function guard(): Statement {
  const word = (name: string): Expression => f.createElementAccessExpression(f.createIdentifier(name), 0);
  return f.createIfStatement(
    f.createBinaryExpression(word('__stop'), SyntaxKind.BarToken, word('__cell')),
    f.createThrowStatement(f.createCallExpression(f.createIdentifier('__interrupted'), undefined, [])),
  );
}

function guarded(body: Statement): Statement {
  return f.createBlock([guard(), ...(ts.isBlock(body) ? body.statements : [body])], true);
}

/**
 * A function with a loop takes note, when it is called, of the cell that runs: interrupting that cell ends the loop, though an
 * earlier cell defined it. `const __cell = __running();`
 */
function watching(body: Block): Block {
  const running = f.createCallExpression(f.createIdentifier('__running'), undefined, []);
  const declaration = f.createVariableDeclaration('__cell', undefined, undefined, running);
  const list = f.createVariableDeclarationList([declaration], ts.NodeFlags.Const);
  return f.updateBlock(body, [f.createVariableStatement(undefined, list), ...body.statements]);
}

/** Whether a loop is in it, but not in a function of it. */
function loops(node: Node): boolean {
  if (ts.isIterationStatement(node, false)) return true;
  if (ts.isFunctionLike(node)) return false;
  return ts.forEachChild(node, (child) => loops(child) || undefined) ?? false;
}

function withGuard(node: Node): Node {
  if (ts.isWhileStatement(node)) return f.updateWhileStatement(node, node.expression, guarded(node.statement));
  if (ts.isDoStatement(node)) return f.updateDoStatement(node, guarded(node.statement), node.expression);
  if (ts.isForStatement(node)) {
    return f.updateForStatement(node, node.initializer, node.condition, node.incrementor, guarded(node.statement));
  }
  if (ts.isForOfStatement(node)) {
    const body = guarded(node.statement);
    return f.updateForOfStatement(node, node.awaitModifier, node.initializer, node.expression, body);
  }
  if (ts.isForInStatement(node)) {
    return f.updateForInStatement(node, node.initializer, node.expression, guarded(node.statement));
  }
  return node;
}

const isDynamicImport = (node: Node): node is CallExpression =>
  ts.isCallExpression(node) && node.expression.kind === SyntaxKind.ImportKeyword;

/** Before modules become CommonJS. */
export function guardLoops(notes: Notes): TransformerFactory<SourceFile> {
  return (context: TransformationContext) => (file) => {
    for (const statement of file.statements) note(statement, notes);
    let depth = 0;
    const visit = (node: Node): Node => {
      const isFunction = ts.isFunctionLike(node);
      if (isFunction) depth += 1;
      const inner = ts.visitEachChild(node, visit, context);
      if (isFunction) depth -= 1;
      if (ts.isBlock(node) && ts.isBlock(inner) && ts.isFunctionLike(node.parent) && loops(node))
        return watching(inner);
      if (ts.isMetaProperty(inner) && inner.keywordToken === SyntaxKind.ImportKeyword)
        return f.createIdentifier('__meta');
      if (isDynamicImport(inner)) {
        return f.updateCallExpression(inner, f.createIdentifier('__import'), undefined, inner.arguments);
      }
      if (ts.isCallExpression(inner) && isExport(inner.expression)) {
        // A function of an earlier cell: not a method of the exports.
        const plain = f.createParenthesizedExpression(f.createComma(f.createNumericLiteral(0), inner.expression));
        return f.updateCallExpression(inner, plain, undefined, inner.arguments);
      }
      if (depth === 0 && ts.isBlock(inner)) return f.updateBlock(inner, placed(inner.statements, file));
      return withGuard(inner);
    };
    const visited = ts.visitNode(file, visit) as SourceFile;
    return f.updateSourceFile(visited, placed(visited.statements, file));
  };
}

/** Before each statement of the top level, where it is: what is interrupted in another's hands can still say where. */
function placed(statements: readonly Statement[], file: SourceFile): Statement[] {
  return statements.flatMap((statement) => {
    const written = ts.getOriginalNode(statement);
    if (written.pos < 0 || !acts(statement)) return [statement];
    const { line, character } = file.getLineAndCharacterOfPosition(written.getStart(file));
    const place = ((line + 1) << LINE) + Math.min(character + 1, (1 << LINE) - 1);
    const word = f.createElementAccessExpression(f.createIdentifier('__cell'), 1);
    return [f.createExpressionStatement(f.createAssignment(word, f.createNumericLiteral(place))), statement];
  });
}

const acts = (statement: Statement): boolean =>
  ts.isExpressionStatement(statement)
    ? !ts.isStringLiteral(statement.expression)
    : ts.isVariableStatement(statement) || ts.isIterationStatement(statement, false) || ts.isIfStatement(statement);

function note(statement: Statement, notes: Notes): void {
  if ((ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) && statement.moduleSpecifier) {
    if (ts.isStringLiteral(statement.moduleSpecifier)) notes.imports.add(statement.moduleSpecifier.text);
  } else if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
    for (const { name } of statement.exportClause.elements) notes.names.add(name.text);
  } else if (ts.isVariableStatement(statement) && statement.modifiers?.length) {
    for (const { name } of statement.declarationList.declarations) {
      for (const each of boundNames(name)) notes.names.add(each);
    }
  }
}

/**
 * After modules became CommonJS: `exports.a = exports.b = void 0`, which TypeScript puts first, goes away. A cell that fails
 * before it declares a name leaves the name as it was.
 */
export const keepEarlierValues: TransformerFactory<SourceFile> = () => (file) =>
  f.updateSourceFile(
    file,
    file.statements.filter((statement) => !(statement.pos < 0 && isUndefinedExport(statement))),
  );

/**
 * A call `(0, exports.f)(…)`, ours or TypeScript's own, is placed by V8 where its parenthesis ends: that is mapped to where the
 * call begins in the cell.
 */
export const placeCalls: TransformerFactory<SourceFile> = (context) => (file) => {
  const visit = (node: Node): Node => {
    if (ts.isCallExpression(node) && ts.isParenthesizedExpression(node.expression)) {
      const written = ts.getOriginalNode(node);
      if (node.expression.pos < 0 && written.pos >= 0) {
        const pos = written.getStart(file);
        ts.setSourceMapRange(node.expression, { pos, end: pos });
      }
    }
    return ts.visitEachChild(node, visit, context);
  };
  return ts.visitNode(file, visit) as SourceFile;
};

function isUndefinedExport(statement: Statement): boolean {
  if (!ts.isExpressionStatement(statement)) return false;
  let at = statement.expression;
  if (!ts.isBinaryExpression(at)) return false;
  while (ts.isBinaryExpression(at) && at.operatorToken.kind === SyntaxKind.EqualsToken && isExport(at.left)) {
    at = at.right;
  }
  return ts.isVoidExpression(at);
}

function isExport(node: Expression): boolean {
  return ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'exports';
}

/** Whether a cell waits at its top level: `await`, `for await`, `await using`. */
export function awaits(code: string): boolean {
  const found = (node: Node): boolean => {
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined)) return true;
    if (ts.isVariableDeclarationList(node) && (node.flags & ts.NodeFlags.AwaitUsing) === ts.NodeFlags.AwaitUsing) {
      return true;
    }
    if (ts.isFunctionLike(node)) return false;
    return ts.forEachChild(node, (child) => found(child) || undefined) ?? false;
  };
  // A module: in a script `await (x)` is a call.
  return found(ts.createSourceFile('cell.ts', `${code}\nexport {};`, ts.ScriptTarget.Latest, true));
}
