/** `vfiolab kernel install` and `vfiolab kernel remove`: the kernelspec, written and taken away without Python. */
import * as kernelspec from '../../kernel/kernelspec.js';
import { SystemError } from '../../lib/errors.js';
import type { Call } from './command.js';
import { type CellLike, View } from '../../lib/view.js';
import { printJson, printLine, printView } from './output.js';
import { usageError } from './parse.js';

export async function install(call: Call): Promise<number> {
  const folder = attempt(call, kernelspec.install);
  printLine(`${kernelspec.displayName(call.values.get('name'))} is installed in ${folder}`);
  return 0;
}

export async function remove(call: Call): Promise<number> {
  const folder = attempt(call, (place) => {
    const removed = kernelspec.remove(place);
    if (removed === undefined) throw new Error('no kernel of this name is installed there');
    return removed;
  });
  printLine(`removed ${folder}`);
  return 0;
}

export async function list(call: Call): Promise<number> {
  const found = kernelspec.list();
  if (call.flags.has('json')) printJson(found);
  else if (found.length === 0) printLine('no kernel is installed; vfiolab kernel install --user does it');
  else {
    const rows = found.map(({ name, displayName, folder, fault, own }): CellLike[] => [
      { text: name, tone: 'name' },
      displayName,
      folder,
      fault
        ? { text: fault, tone: 'bad' }
        : own
          ? { text: 'works', tone: 'good' }
          : { text: 'another copy', tone: 'dim' },
    ]);
    printView(new View('', ['name', 'shown as', 'folder', ''], rows));
  }
  return 0;
}

function attempt(call: Call, act: (place: kernelspec.Place) => string): string {
  const place = placeOf(call);
  try {
    return act(place);
  } catch (cause) {
    const { code: errno, message } = cause as NodeJS.ErrnoException;
    const path = `vfiolab ${call.command.name}`;
    const attempted = place.prefix ?? (place.sysPrefix ? '--sys-prefix' : '--user');
    const hint = 'choose the place with --user, --prefix P or --sys-prefix';
    throw new SystemError({ path, attempted, reason: message, errno, hint, cause });
  }
}

function placeOf(call: Call): kernelspec.Place {
  const name = call.values.get('name');
  const prefix = call.values.get('prefix');
  const sysPrefix = call.flags.has('sys-prefix');
  if (Number(call.flags.has('user')) + Number(prefix !== undefined) + Number(sysPrefix) > 1) {
    throw usageError(
      call.command.name,
      'place',
      'the kernel goes to one place',
      'use --user, --prefix P or --sys-prefix',
    );
  }
  if (name !== undefined && !/^[\w.-]+$/.test(name)) {
    const hint = "use letters, digits, '.', '_' and '-'";
    throw usageError(call.command.name, `--name ${name}`, 'not a name that Jupyter takes', hint);
  }
  return {
    ...(prefix === undefined ? (sysPrefix ? { sysPrefix } : { user: true }) : { prefix }),
    ...(name === undefined ? {} : { name }),
  };
}
