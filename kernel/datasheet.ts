/**
 * What is said of a register or a field where its name is typed: what its map's value told (offset, access, reset value), and the
 * comment over the map, which cites the datasheet. No register is read for it.
 */
import type { Node, ObjectLiteralElementLike, PropertySignature, Symbol as TsSymbol, TypeChecker } from 'typescript';
import { wordsOfVariable } from './docs.js';
import type { FieldFacts, MapFacts, RegisterFacts } from './maps.js';
import { ts } from './typescript.js';

export interface Described {
  readonly kind: 'register' | 'field';
  /** `0x20, 32-bit rw, reset 0x00000000`. */
  readonly detail: string;
  /** The map's words for this register or field; may be empty. */
  readonly doc: string;
  /** Of the map: what it cites, or is said over it; may be empty. */
  readonly map: string;
}

/** A register or a field as a map's declaration, or its type, has it. */
type Declared = PropertySignature | (ObjectLiteralElementLike & { readonly name: import('typescript').PropertyName });

export class Datasheet {
  /** By variable, as the cells and the package have them. */
  readonly #told = new Map<string, MapFacts>();
  #library: readonly MapFacts[] = [];

  /** What maps are there since the last cell. */
  tell(maps: Readonly<Record<string, MapFacts>>): void {
    for (const [name, map] of Object.entries(maps)) this.#told.set(name, map);
  }

  /** The capabilities of config space, which no variable names. */
  async load(): Promise<void> {
    if (this.#library.length > 0) return;
    const [{ CAPABILITIES }, { capabilityFacts }] = await Promise.all([
      import('../lib/config/catalog.js'),
      import('./maps.js'),
    ]);
    this.#library = CAPABILITIES.map(capabilityFacts);
  }

  /** What is cited for the registers of a map's declaration. */
  readonly #cited = new WeakMap<Node, string>();

  /** @param at where its name is typed; undefined for what is no register and no field of a map that is known */
  describe(symbol: TsSymbol, at: Node, checker: TypeChecker): Described | undefined {
    const chain = declarations(symbol);
    const [own] = chain;
    if (!own) return undefined;
    const found = this.#find(chain, roots(at));
    if (!found) return undefined;
    const { map, register } = found;
    const facts = map.registers[nameOf(register)];
    if (!facts) return undefined;
    const cited = map.reference || this.#citation(register, at, checker);
    if (own === register)
      return { kind: 'register', detail: map.from + registerText(facts), doc: facts.doc, map: cited };
    const field = facts.fields[symbol.name];
    return field && { kind: 'field', detail: map.from + fieldText(field, facts), doc: field.meaning, map: cited };
  }

  #citation(register: Declared, at: Node, checker: TypeChecker): string {
    const known = this.#cited.get(register.parent) ?? citation(register, at, checker);
    this.#cited.set(register.parent, known);
    return known;
  }

  /** The same as text: for a cursor that rests on it. */
  words(symbol: TsSymbol, at: Node, checker: TypeChecker): string {
    const { detail = '', doc = '', map = '' } = this.describe(symbol, at, checker) ?? {};
    return [detail, doc, map].filter((each) => each !== '').join('\n');
  }

  /** The map that declares one of `chain`: that of a variable the text begins with, else the one that has the same names. */
  #find(chain: readonly Declared[], variables: readonly string[]): { map: MapFacts; register: Declared } | undefined {
    const outside = chain.toReversed();
    for (const variable of variables) {
      const map = this.#told.get(variable);
      const register = map && outside.find((each) => Object.hasOwn(map.registers, nameOf(each)));
      if (map && register) return { map, register };
    }
    for (const register of outside) {
      const names = siblings(register);
      const same = [...this.#told.values(), ...this.#library].filter(
        ({ registers }) => Object.keys(registers).join() === names,
      );
      const [map] = same;
      // Two maps of the same names, at different offsets: which one is meant is not known.
      if (map && same.every(({ registers }) => alike(registers, map.registers))) return { map, register };
    }
    return undefined;
  }
}

/** The property that a symbol is declared as, and those around it, innermost first. */
function declarations(symbol: TsSymbol): Declared[] {
  const found: Declared[] = [];
  const [first] = symbol.declarations ?? [];
  if (!first || !/^[A-Z]/.test(symbol.name)) return found;
  for (let at: Node | undefined = first; at && !ts.isVariableStatement(at); at = at.parent) {
    if (ts.isPropertySignature(at) || ts.isPropertyAssignment(at)) found.push(at as Declared);
  }
  return found[0] === first ? found : [];
}

const nameOf = ({ name }: Declared): string =>
  ts.isIdentifier(name) || ts.isStringLiteral(name) ? name.text : name.getText();

/** The names that are declared beside one. */
function siblings({ parent }: Declared): string {
  const members: readonly Node[] = ts.isTypeLiteralNode(parent)
    ? parent.members
    : ts.isObjectLiteralExpression(parent)
      ? parent.properties
      : [];
  return members.map((each) => ('name' in each && each.name ? nameOf(each as Declared) : '')).join();
}

const alike = (one: MapFacts['registers'], other: MapFacts['registers']): boolean =>
  one === other || Object.entries(one).every(([name, { offset }]) => other[name]?.offset === offset);

/** Variables that what is typed at `at` begins with: `edu` in `edu.STATUS.modify({`. */
function roots(at: Node): string[] {
  const found: string[] = [];
  for (let node: Node | undefined = at; node; node = node.parent) {
    let head: Node = node;
    while (ts.isPropertyAccessExpression(head) || ts.isElementAccessExpression(head) || ts.isCallExpression(head))
      head = head.expression;
    if (head !== node && ts.isIdentifier(head)) found.push(head.text);
  }
  return found;
}

/** What is said over the map: a bound one's declaration is a copy of the map's type, so over the one in scope that has the same names. */
function citation(register: Declared, at: Node, checker: TypeChecker): string {
  const names = siblings(register);
  const own = wordsOfVariable(register);
  if (own !== '') return own;
  for (const symbol of checker.getSymbolsInScope(at, ts.SymbolFlags.Variable | ts.SymbolFlags.Alias)) {
    if (!/^[A-Z][A-Z0-9_]*$/.test(symbol.name)) continue;
    const value = (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
    const [declared] = declarations(checker.getTypeOfSymbol(value).getProperty(nameOf(register)) ?? value);
    if (declared && siblings(declared) === names && wordsOfVariable(declared) !== '') return wordsOfVariable(declared);
  }
  return '';
}

const hex = (value: number | bigint, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

function registerText({ offset, width, access, count, reset }: RegisterFacts): string {
  const parts = [hex(offset, 2), `${width}-bit ${access}`];
  if (count > 0) parts.push(`${count} of them`);
  if (reset !== undefined) parts.push(`reset ${hex(reset, width / 4)}`);
  return parts.join(', ');
}

function fieldText({ msb, lsb, access }: FieldFacts, { offset, reset }: RegisterFacts): string {
  const parts = [`${hex(offset, 2)} ${msb === lsb ? `[${msb}]` : `[${msb}:${lsb}]`}`, access];
  if (reset !== undefined) parts.push(`reset ${hex((reset >> BigInt(lsb)) & ((1n << BigInt(msb - lsb + 1)) - 1n), 1)}`);
  return parts.join(', ');
}
