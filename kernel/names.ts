/** The names that a declaration file adds to the global ones, told from its text: parsed, Node's types would take ten times as long. */

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/.*/g;
const TOKEN =
  /[{}]|\bglobal\s*(?=\{)|\b(?:var|let|const|function|class|interface|type|namespace|module|enum|import)\s+([\w$]+)/g;

export interface DeclaredName {
  readonly name: string;
  /** It is outside of all braces, or in `global { … }`. */
  readonly global: boolean;
}

/** @returns all that the file declares, at whatever level */
export function declaredNames(text: string): DeclaredName[] {
  const found: DeclaredName[] = [];
  const globals = new Set([0]);
  let depth = 0;
  let opens = false;
  for (const [token, name] of text.replace(COMMENT, '').matchAll(TOKEN)) {
    if (name !== undefined) found.push({ name, global: globals.has(depth) });
    else if (token === '{') {
      depth++;
      if (opens) globals.add(depth);
    } else if (token === '}') {
      globals.delete(depth);
      depth--;
    }
    opens = token.startsWith('global');
  }
  // A brace was something else: then any of them may be.
  return depth === 0 ? found : found.map(({ name }) => ({ name, global: true }));
}

/** Not too few; those of a module's own, outside of its braces, are among them. */
export const globalNames = (text: string): string[] =>
  declaredNames(text)
    .filter(({ global }) => global)
    .map(({ name }) => name);
