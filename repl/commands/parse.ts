/** From the words of the command line to a command of the table and its options; whatever does not fit is a UsageError. */
import { parseArgs } from 'node:util';
import { UsageError } from '../../lib/errors.js';
import type { Call, Command } from './command.js';
import { nearest } from './suggest.js';

export type Parsed =
  | { readonly kind: 'help'; readonly words: readonly string[] }
  | { readonly kind: 'version' }
  | { readonly kind: 'call'; readonly call: Omit<Call, 'signal'> };

/** A wrong command line. `about` is what is wrong with it: an option, an operand, the command's name. */
export function usageError(command: string, about: string, reason: string, hint: string): UsageError {
  return new UsageError({ path: command ? `vfiolab ${command}` : 'vfiolab', attempted: about, reason, hint });
}

/** `words` without the program's name. No word at all opens the prompt. */
export function parseCommandLine(words: readonly string[], commands: readonly Command[]): Parsed {
  if (words[0] === '--version' || words[0] === '-V') return { kind: 'version' };
  if (words[0] === '--help' || words[0] === '-h') return { kind: 'help', words: words.slice(1) };
  const command = findCommand(words, commands);
  const rest = words.slice(named(command, words) ? command.name.split(' ').length : 0);
  const { tokens } = parseArgs({
    args: [...rest],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      Object.entries(command.options).map(([name, option]) => [
        name,
        {
          type: option.value === undefined ? ('boolean' as const) : ('string' as const),
          ...(option.short === undefined ? {} : { short: option.short }),
        },
      ]),
    ),
  });

  const operands: string[] = [];
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const lists = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') operands.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    if (name === 'help' || rawName === '-h') return { kind: 'help', words: command.name.split(' ') };
    const option = command.options[name];
    if (option === undefined) throw unknownOption(command, rawName);
    if (option.value === undefined) {
      if (value !== undefined) throw usageError(command.name, rawName, 'takes no value', `use ${rawName} alone`);
      flags.add(name);
    } else {
      if (value === undefined || (!inlineValue && /^--?[a-z]/.test(value))) {
        throw usageError(command.name, rawName, 'a value is missing', `use ${rawName} ${option.value}`);
      }
      if (option.many) lists.set(name, [...(lists.get(name) ?? []), value]);
      else values.set(name, value);
    }
  }

  const [least, most] = command.operands;
  const usage = `use vfiolab ${command.name} ${command.usage}`.trimEnd();
  if (operands.length < least) {
    throw usageError(command.name, 'operands', `${least} needed, ${operands.length} given`, usage);
  }
  const extra = operands[most];
  if (extra !== undefined) throw usageError(command.name, 'operands', `'${extra}' is one too many`, usage);
  return { kind: 'call', call: { command, operands, flags, values, lists } };
}

/** The command of the first two words or one; a SPEC or nothing in their place means the prompt. */
function findCommand(words: readonly string[], commands: readonly Command[]): Command {
  const found = commands
    .filter((command) => named(command, words))
    .sort((a, b) => b.name.split(' ').length - a.name.split(' ').length)[0];
  if (found) return found;
  const [first, second] = words;
  const prompt = commands.find((command) => command.name === 'repl');
  if (prompt && (first === undefined || first.startsWith('-') || first.includes(':'))) return prompt;
  throw unknownCommand(first ?? '', second, commands);
}

function named(command: Command, words: readonly string[]): boolean {
  return command.name.split(' ').every((part, index) => part === words[index]);
}

export function unknownCommand(first: string, second: string | undefined, commands: readonly Command[]): UsageError {
  const parts = commands.filter((command) => command.name.startsWith(`${first} `)).map((command) => command.name);
  if (parts.length > 0) {
    const given = second === undefined ? `'${first}' needs a second word` : `unknown command '${first} ${second}'`;
    return usageError('', first, given, `use ${parts.map((name) => `vfiolab ${name}`).join(', ')}`);
  }
  const near = nearest(first, [...new Set(commands.map((command) => command.name.split(' ')[0] ?? ''))]);
  const hint = near ? `did you mean 'vfiolab ${near}'?` : `'vfiolab --help' lists the commands`;
  return usageError('', first || "''", 'unknown command', hint);
}

function unknownOption(command: Command, rawName: string): UsageError {
  if (/^-\d/.test(rawName)) {
    return usageError(command.name, rawName, 'numbers are not negative', `use two's complement: 0xffff_ffff for -1`);
  }
  const near = nearest(
    rawName,
    Object.keys(command.options).map((name) => `--${name}`),
  );
  const hint = near ? `did you mean ${near}?` : `'vfiolab help ${command.name}' lists the options`;
  return usageError(command.name, rawName, 'unknown option', hint);
}
