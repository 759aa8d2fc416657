/**
 * A notebook's parameters: the cell with the tag `parameters` declares them with their defaults; a cell that is put behind it declares
 * them anew with what was given. As papermill does it, with literals of the types that the first cell declares.
 */
import ts from 'typescript';
import { UsageError } from '../lib/errors.js';
import { type Notebook, type NotebookCell, textOf } from './notebook.js';

/** The tags of the two cells. Ref: papermill, "Parameterize" */
const [DECLARED, INJECTED] = ['parameters', 'injected-parameters'] as const;

type Kind = 'string' | 'number' | 'bigint' | 'boolean' | 'any';

interface Parameter {
  readonly name: string;
  /** 'const x: Width', as declared. */
  readonly head: string;
  readonly kind: Kind;
}

/**
 * Puts the cell with the given values into the notebook, in place of an earlier one.
 *
 * @param given `name=value`, each.
 * @throws UsageError where the notebook declares no parameters, or not that one, or the value is not of its type.
 */
export function inject(notebook: Notebook, given: readonly string[], file: string): void {
  const refusal = (about: string, reason: string, hint: string) =>
    new UsageError({ path: file, attempted: about, reason, hint });
  const at = notebook.cells.findIndex((cell) => isTagged(cell, DECLARED));
  const declaring = notebook.cells[at];
  if (declaring === undefined) {
    const hint = `tag the cell that declares them '${DECLARED}'`;
    throw refusal('parameters', 'the notebook has no cell for parameters', hint);
  }
  const parameters = parametersOf(textOf(declaring.source));
  const lines = new Map<string, string>();
  for (const each of given) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(each) ?? [];
    if (name === '') throw refusal(`-p ${each}`, 'not NAME=VALUE', 'give -p device=0000:03:00.0, say');
    const parameter = parameters.find((one) => one.name === name);
    if (parameter === undefined) {
      const names = parameters.map((one) => one.name).join(', ') || 'none';
      throw refusal(`-p ${each}`, `no parameter ${name}`, `it has ${names}`);
    }
    const literal = literalOf(parameter.kind, value);
    if (literal === undefined) {
      const type = parameter.kind === 'any' ? 'JSON' : `a ${parameter.kind}`;
      throw refusal(`-p ${each}`, `${name} takes ${type}`, HINTS[parameter.kind]);
    }
    lines.set(name, `${parameter.head} = ${literal}`);
  }
  const source = ['// Parameters', ...lines.values()].join('\n');
  const cell = {
    ...{ cell_type: 'code', id: INJECTED, metadata: { tags: [INJECTED] }, outputs: [], execution_count: null },
    source,
  };
  const before = notebook.cells.findIndex((one) => isTagged(one, INJECTED));
  if (before >= 0) notebook.cells.splice(before, 1);
  notebook.cells.splice(notebook.cells.indexOf(declaring) + 1, 0, cell);
}

const isTagged = (cell: NotebookCell, tag: string): boolean =>
  cell.cell_type === 'code' && (cell.metadata.tags?.includes(tag) ?? false);

/** The variables at the top of the cell, in order. */
function parametersOf(source: string): Parameter[] {
  const file = ts.createSourceFile('cell.ts', source, ts.ScriptTarget.Latest, true);
  return file.statements.filter(ts.isVariableStatement).flatMap(({ declarationList: list }) => {
    const word = list.flags & ts.NodeFlags.Const ? 'const' : list.flags & ts.NodeFlags.Let ? 'let' : 'var';
    return list.declarations.flatMap(({ name, type, initializer }) =>
      ts.isIdentifier(name)
        ? [
            {
              name: name.text,
              head: `${word} ${name.text}${type ? `: ${type.getText()}` : ''}`,
              kind: type ? kindOfType(type.getText()) : kindOfValue(initializer),
            },
          ]
        : [],
    );
  });
}

/** By the parts of a union: `string`, `'a' | 'b'`, `8 | 16`. */
function kindOfType(type: string): Kind {
  const parts = type.split('|').map((part) => part.trim());
  return KINDS.find(([, one]) => parts.every((part) => one.test(part)))?.[0] ?? 'any';
}

const KINDS: readonly (readonly [Kind, RegExp])[] = [
  ['string', /^string$|^(['"`]).*\1$/],
  ['number', /^number$|^-?[\d._]+$/],
  ['bigint', /^bigint$|^-?\d+n$/],
  ['boolean', /^boolean$|^true$|^false$/],
];

function kindOfValue(value: ts.Expression | undefined): Kind {
  if (value === undefined) return 'any';
  if (ts.isPrefixUnaryExpression(value)) return kindOfValue(value.operand);
  if (ts.isAsExpression(value)) return kindOfValue(value.expression);
  if (ts.isStringLiteralLike(value) || ts.isTemplateExpression(value)) return 'string';
  if (ts.isNumericLiteral(value)) return 'number';
  if (ts.isBigIntLiteral(value)) return 'bigint';
  const { kind } = value;
  return kind === ts.SyntaxKind.TrueKeyword || kind === ts.SyntaxKind.FalseKeyword ? 'boolean' : 'any';
}

const HINTS: Readonly<Record<Kind, string>> = {
  string: 'any text will do',
  number: 'give a number as TypeScript writes it: 31, 0x1f, -1.5',
  bigint: 'give an integer: 31, 0x1f, 0x1_0000_0000n',
  boolean: 'give true or false',
  any: `give JSON: '[1, 2]', '"text"', '{ "a": 1 }'`,
};

const INTEGER = /^-?(?:\d[\d_]*|0x[\da-f][\da-f_]*|0b[01][01_]*|0o[0-7][0-7_]*)$/i;
const DECIMAL = /^-?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** The value as TypeScript writes it; undefined where it is not of that kind. */
function literalOf(kind: Kind, text: string): string | undefined {
  switch (kind) {
    case 'string':
      return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
    case 'number':
      return INTEGER.test(text) || DECIMAL.test(text) ? text : undefined;
    case 'bigint':
      return INTEGER.test(text.replace(/n$/, '')) ? `${text.replace(/n$/, '')}n` : undefined;
    case 'boolean':
      return text === 'true' || text === 'false' ? text : undefined;
    default:
      try {
        return JSON.stringify(JSON.parse(text));
      } catch {
        return undefined;
      }
  }
}
