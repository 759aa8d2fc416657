/** `vfiolab help`: the pages are made from the table. */
import type { Call, Command } from './command.js';
import { unknownCommand } from './parse.js';
import { COMMANDS } from './table.js';

export async function help(call: Call): Promise<number> {
  process.stdout.write(helpPage(call.operands));
  return 0;
}

/** The overview for no words, else the page of the command (or of all commands that begin with the word: 'kernel'). */
export function helpPage(words: readonly string[]): string {
  if (words.length === 0) return overview();
  const name = words.join(' ');
  const found = COMMANDS.filter((command) => command.name === name || command.name.startsWith(`${name} `));
  if (found.length === 0) throw unknownCommand(words[0] ?? '', words[1], COMMANDS);
  return found.map(page).join('\n');
}

function overview(): string {
  const rows = COMMANDS.map((command) => [`${command.name} ${command.usage}`.trimEnd(), command.summary] as const);
  return [
    'vfiolab: a bring-up lab for PCIe cards over Linux VFIO',
    '',
    'Usage: vfiolab [COMMAND] …',
    '',
    ...rows.map(([usage, summary]) => `  ${usage}\n      ${summary}`),
    '',
    '  --help, --version',
    '',
    'SPEC names a device: 0000:01:00.0 (a BDF), iommufd:BDF, group:BDF, sim:edu (the simulated QEMU edu card), dump:FILE',
    '(config space that lspci -xxxx wrote, to be read; dump:FILE#01:00.0 one function of several), record:FILE#SPEC (the card SPEC, and',
    'FILE gets all that is done with it) or replay:FILE (what was recorded, without the card).',
    'Exit code: 0, 1 for a failure, 2 for a usage error. Errors are one line on standard error; VFIOLAB_DEBUG=1 adds',
    'the stack. NO_COLOR=1, or an output that is no terminal, gives plain text.',
    "'vfiolab help COMMAND' tells more.",
    '',
  ].join('\n');
}

function page(command: Command): string {
  const options = Object.entries(command.options).map(([name, option]) => {
    const short = option.short === undefined ? '' : `-${option.short}, `;
    return [`${short}--${name}${option.value === undefined ? '' : ` ${option.value}`}`, option.help] as const;
  });
  const width = Math.max(0, ...options.map(([usage]) => usage.length));
  return [
    `Usage: vfiolab ${command.name} ${command.usage}`.trimEnd(),
    '',
    `  ${command.summary}`,
    ...(command.details ?? []).map((line) => `  ${line}`),
    ...(options.length === 0 ? [] : ['', ...options.map(([usage, text]) => `  ${usage.padEnd(width)}  ${text}`)]),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
  ].join('\n');
}
