/**
 * Which complaints of the type checker are settled while a session has the stand-in for Node's types only (slim.ts): those that
 * would be the same, word for word, with all of them. The rest is told after they are loaded.
 *
 * What Node's types can change: a global name that is not there yet, a type of the stand-in, an interface of JavaScript's that
 * they add to. So a complaint is settled where it is about none of these, which its code says how to tell.
 */
import type { Declaration, Diagnostic, DiagnosticMessageChain, Node, Program, Symbol as TsSymbol } from 'typescript';
import type { SourceFile, Type, TypeChecker } from 'typescript';
import { declaredNames, globalNames } from './names.js';
import { NODE_SLIM } from './overlay.js';
import { CELL_SHELL } from './scope.js';
import { SLIM_TYPES } from './slim.js';
import { ts } from './typescript.js';

/** What has to be looked at: nothing but the text; a name that is missing; the types around it; these, and whose member is missing. */
type Ground = 'text' | 'name' | 'types' | 'members';

/** All other complaints may stand on Node's types, for all that is known here. */
const CODES: Readonly<Record<Ground, readonly number[]>> = {
  // Without an initializer, await outside of async, a literal's property twice; declared twice, assigned a constant, used before
  // its declaration or its first value; assigned what is no variable, and what a comma drops.
  text: [1155, 1308, 1117, 2300, 2451, 2588, 2448, 2454, 2364, 2695],
  // Of a value; of a shorthand; of a namespace; a type's that is used as a value's.
  name: [2304, 2552, 18004, 2503, 2693],
  types: [
    // Not assignable: a value, an argument; with the one that was meant; of a union's parts; read-only; a cast.
    ...[2322, 2345, 2820, 2559, 2560, 2540, 2352],
    // Cannot be assigned: undefined, an enum, a class, a function, a namespace, an import.
    ...[2539, 2628, 2629, 2630, 2631, 2632],
    // Too many or too few arguments; none of the overloads, and why; what cannot be called; nothing returned.
    ...[2554, 2555, 2556, 2769, 2770, 2772, 2349, 2351, 2757, 2761, 2355],
    // Operands; an index; comparisons, cases and conditions that are always the same.
    ...[2362, 2363, 2365, 2538, 2367, 2678, 2801, 2774],
    // Perhaps null or undefined; unknown; past the end of a tuple.
    ...[2531, 2532, 2533, 18046, 18047, 18048, 18049, 2493],
  ],
  // There is none, with the one that was meant; in a literal; one that is required.
  members: [2339, 2551, 2353, 2561, 2739, 2740, 2741],
};
const GROUNDS = new Map(
  Object.entries(CODES).flatMap(([ground, codes]) => codes.map((code) => [code, ground as Ground] as const)),
);

/** Of these it is looked at whose member it would be; of the others, at what the message names. */
const NO_MEMBER: readonly number[] = [2339, 2551];

/** Of the stand-in's console: they take anything, so whatever is wrong is inside of their parentheses. */
const TAKES_ALL = /^(log|info|warn|error|debug)$/;

const internal = ts as unknown as {
  getTokenAtPosition(file: SourceFile, position: number): Node;
  getSpellingSuggestion(name: string, candidates: Iterable<string>, text: (each: string) => string): string | undefined;
};

type Resolving = TypeChecker & {
  resolveName(name: string, at: undefined, meaning: number, excludeGlobals: boolean): TsSymbol | undefined;
};

export class Settled {
  readonly #node: string;
  #names: ReadonlySet<string> | undefined;

  /** @param node the folder of Node's types, as TypeScript finds it */
  constructor(node: string) {
    this.#node = node;
  }

  /** @param diagnostics all there are of a cell. @returns whether none would be another, and none be missing, with Node's types */
  all(program: Program, diagnostics: readonly Diagnostic[]): boolean {
    const checker = program.getTypeChecker();
    return diagnostics.every((each) => this.#one(each, checker));
  }

  #one({ file, start, code, messageText }: Diagnostic, checker: TypeChecker): boolean {
    // The converter drops what is about no file.
    if (!file || start === undefined) return true;
    const parsed = (file as unknown as { readonly parseDiagnostics: readonly Diagnostic[] }).parseDiagnostics;
    if (parsed.some((fault) => fault.start === start && fault.code === code)) return true;
    const ground = GROUNDS.get(code);
    const words = quoted(messageText);
    if (ground === undefined || ground === 'text') return ground === 'text';
    if (ground === 'name') return this.#isNobodys(words[0] ?? '');
    const chain = codes(messageText).map((each) => GROUNDS.get(each) ?? 'name');
    if (chain.includes('name') || words.some((word) => STAND_IN.has(word))) return false;
    const at = internal.getTokenAtPosition(file, start);
    const around = statement(at);
    if (!around || consults(around, checker)) return false;
    if (ground !== 'members' && !chain.includes('members')) return true;
    if (NO_MEMBER.includes(code)) {
      const owner = ownerOf(at);
      return owner !== undefined && !this.#gains(checker.getTypeAtLocation(owner), checker);
    }
    return !/\[\]'/.test(text(messageText)) && !words.some((word) => this.#isMergedName(word, checker));
  }

  /** Neither a name that Node's types declare nor one that might be taken for one. */
  #isNobodys(name: string): boolean {
    const names = this.#declared;
    return !names.has(name) && internal.getSpellingSuggestion(name, names, (each) => each) === undefined;
  }

  /** Whether Node's types might add members to it. */
  #gains(type: Type, checker: TypeChecker): boolean {
    if (type.isUnionOrIntersection()) return type.types.some((each) => this.#gains(each, checker));
    const members = checker.getApparentType(type).getProperties();
    return members.some(({ declarations }) => declarations?.some((each) => isStandIn(each) || this.#isMerged(each)));
  }

  #isMergedName(name: string, checker: TypeChecker): boolean {
    const { declarations = [] } = (checker as Resolving).resolveName(name, undefined, ts.SymbolFlags.Type, false) ?? {};
    return declarations.some(isLibrary) && this.#declared.has(name);
  }

  #isMerged({ parent }: Declaration): boolean {
    return ts.isInterfaceDeclaration(parent) && isLibrary(parent) && this.#declared.has(parent.name.text);
  }

  /** The global names that Node's types declare, or add to. */
  get #declared(): ReadonlySet<string> {
    this.#names ??= new Set([
      ...ts.sys.readDirectory(this.#node, ['.d.ts']).flatMap((file) => globalNames(ts.sys.readFile(file) ?? '')),
      ...globalNames(CELL_SHELL),
    ]);
    return this.#names;
  }
}

const STAND_IN: ReadonlySet<string> = new Set(declaredNames(SLIM_TYPES).map(({ name }) => name));

export const isStandIn = (node: Node): boolean => node.getSourceFile().fileName.includes(`/@types/${NODE_SLIM}/`);
const isLibrary = (node: Node): boolean => /\/typescript\/lib\/lib\.[^/]*$/.test(node.getSourceFile().fileName);
const isOfStandIn = (symbol: TsSymbol | undefined): boolean => symbol?.declarations?.some(isStandIn) ?? false;

type Message = string | DiagnosticMessageChain;
const next = (message: Message): readonly DiagnosticMessageChain[] =>
  typeof message === 'string' ? [] : (message.next ?? []);
const codes = (message: Message): number[] => next(message).flatMap((each) => [each.code, ...codes(each)]);
const text = (message: Message): string =>
  [typeof message === 'string' ? message : message.messageText, ...next(message).map(text)].join('\n');

/** The words between a message's quotation marks. */
const quoted = (message: Message): string[] =>
  [...text(message).matchAll(/'([^'\n]*)'/g)].flatMap(([, part = '']) => part.match(/[\w$]+/g) ?? []);

/** The statement that is complained of; of what a function returns, the one that the function is in. */
function statement(at: Node): Node | undefined {
  for (let node: Node | undefined = at; node && !ts.isSourceFile(node); node = node.parent) {
    if (ts.isReturnStatement(node)) node = ts.findAncestor(node, ts.isFunctionLike) ?? node;
    if (ts.isStatement(node)) return node;
  }
  return undefined;
}

/** Whose member a name is. */
function ownerOf({ parent }: Node): Node | undefined {
  if (ts.isPropertyAccessExpression(parent) || ts.isElementAccessExpression(parent)) return parent.expression;
  return ts.isBindingElement(parent) ? parent.parent : undefined;
}

/** Whether anything in it is of a type that the stand-in declares. */
function consults(node: Node, checker: TypeChecker): boolean {
  if (ts.isCallExpression(node) && isPrint(node.expression)) {
    return node.arguments.some((each) => consults(each, checker));
  }
  if (ts.isIdentifier(node) && isOfStandIn(checker.getSymbolAtLocation(node))) return true;
  if (ts.isExpression(node) && isOfStandInType(checker.getTypeAtLocation(node), checker)) return true;
  return ts.forEachChild(node, (child) => consults(child, checker) || undefined) ?? false;
}

const isPrint = (node: Node): boolean =>
  ts.isPropertyAccessExpression(node) &&
  ts.isIdentifier(node.expression) &&
  node.expression.text === 'console' &&
  TAKES_ALL.test(node.name.text);

function isOfStandInType(type: Type, checker: TypeChecker, seen: Set<Type> = new Set()): boolean {
  if (seen.has(type)) return false;
  seen.add(type);
  if (isOfStandIn(type.symbol) || isOfStandIn(type.aliasSymbol)) return true;
  const reference = checker.isArrayType(type) || checker.isTupleType(type) || isReference(type);
  const parts = [
    ...(type.isUnionOrIntersection() ? type.types : []),
    ...(reference ? checker.getTypeArguments(type as import('typescript').TypeReference) : []),
    ...(type.aliasTypeArguments ?? []),
  ];
  return parts.some((each) => isOfStandInType(each, checker, seen));
}

const isReference = (type: Type): boolean =>
  ((type as import('typescript').ObjectType).objectFlags & ts.ObjectFlags.Reference) !== 0;
