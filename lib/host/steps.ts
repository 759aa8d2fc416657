/** What changes a host, step by step: each is a line of shell to read and to paste, and can be done from here. */
import { SystemError } from '../errors.js';
import type { Host } from './host.js';

export type Step =
  /** Writes a file's whole text; `folders` above it are made. */
  | { readonly write: string; readonly text: string; readonly folders?: boolean }
  | { readonly remove: string }
  | { readonly run: readonly string[] };

/** The step as a line of shell, for root. */
export function shellLine(step: Step): string {
  if ('run' in step) return step.run[0] === 'sh' ? (step.run[2] ?? '') : step.run.map(word).join(' ');
  if ('remove' in step) return `rm -f ${word(step.remove)}`;
  const folder = step.write.split('/').slice(0, -1).join('/');
  const make = step.folders ? `mkdir -p ${word(folder)} && ` : '';
  return `${make}echo${step.text === '' ? '' : ` ${word(step.text)}`} >${word(step.write)}`;
}

/** Lines of shell as one command that anybody can paste: root's as they are, others' through sudo. */
export function asRoot(lines: readonly string[], host: { readonly isRoot: boolean }): string {
  const line = lines.join(' && ');
  if (host.isRoot) return line;
  return lines.length === 1 && !/[|<>&;]/.test(line) ? `sudo ${line}` : `sudo sh -c '${line.replaceAll("'", "'\\''")}'`;
}

/** Does one step. @throws SystemError that names the line, the errno, and who may do it. */
export function perform(step: Step, bdf: string, host: Host): void {
  try {
    if ('run' in step) host.run(step.run);
    else if ('remove' in step) host.remove(step.remove);
    else host.write(step.write, `${step.text}\n`, step.folders);
  } catch (error) {
    const { code, stderr, message } = error as NodeJS.ErrnoException & { readonly stderr?: string };
    if (!host.exists(`/sys/bus/pci/devices/${bdf}`)) throw gone(step, bdf, code);
    const denied = (code === 'EACCES' || code === 'EPERM') && !host.isRoot;
    throw new SystemError({
      path: bdf,
      attempted: shellLine(step),
      reason: denied ? 'only root may' : stderr?.trim() || message,
      errno: code,
      hint: denied
        ? 'run it with sudo; --dry-run prints what it would write'
        : "see the end of the kernel's log: dmesg | tail",
      cause: error,
    });
  }
}

const gone = (step: Step, bdf: string, errno: string | undefined): SystemError =>
  new SystemError({
    path: bdf,
    attempted: shellLine(step),
    reason: 'the device is gone',
    errno,
    hint: 'look again: echo 1 | sudo tee /sys/bus/pci/rescan',
  });

/** A word of a shell's line. */
export const word = (text: string): string =>
  /^[\w./:=,@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
