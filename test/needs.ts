/**
 * What tests need beyond `npm ci`: one row each, how its presence is seen and the one command that provides it.
 *
 *     test('runs in Jupyter', needs('jupyter'), () => …)
 *
 * A test whose need is missing is skipped, loudly: test/run.ts lists every skip at the end. VFIOLAB_TEST_ALL=1 makes it a
 * failure. VFIOLAB_TEST_WITHOUT=jupyter,guest leaves out what is there (a quick run).
 */
import { spawnSync } from 'node:child_process';
import { pciutilsMissing } from './config/lspci.js';
import { nodesMissing } from './nodes.js';
import { guestMissing, headersMissing } from './vm/parts.js';

interface Need {
  /** The command that provides it. */
  readonly install: string;
  /** What is missing, in words; undefined when it is there. */
  readonly missing: () => string | undefined;
}

const APT = 'apt-get install --no-install-recommends';
const apt = (packages: string): string => `${APT} ${packages}`;

/** Programs that must be on the PATH. */
const programs = (...names: string[]): Need['missing'] => {
  return () => names.find((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
};

/** Modules that Debian's own python3 must import (a python3 earlier on the PATH has other ones). */
const pythonModules = (...names: string[]): Need['missing'] => {
  return () =>
    spawnSync('/usr/bin/python3', ['-c', `import ${names.join(', ')}`]).status === 0
      ? undefined
      : `python3 with ${names.join(', ')}`;
};

const NEEDS = {
  cc: { install: apt('gcc libc6-dev'), missing: programs('cc') },
  python3: { install: apt('python3'), missing: pythonModules('ctypes', 'mmap') },
  jupyter: {
    install: apt(
      'jupyter-client python3-nbclient python3-nbconvert jupyter-nbconvert python3-ipykernel python3-jupyter-kernel-test',
    ),
    missing: pythonModules('jupyter_client', 'nbclient', 'nbformat', 'nbconvert', 'ipykernel', 'jupyter_kernel_test'),
  },
  browser: { install: apt('chromium jupyter-notebook'), missing: programs('chromium', 'jupyter-notebook') },
  aarch64: {
    install: apt('gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user'),
    missing: programs('aarch64-linux-gnu-gcc', 'qemu-aarch64'),
  },
  tmux: { install: apt('tmux'), missing: programs('tmux') },
  lspci: { install: apt('pciutils'), missing: programs('lspci') },
  pciutils: { install: 'npm run vm:setup', missing: pciutilsMissing },
  headers: { install: 'npm run vm:setup', missing: headersMissing },
  guest: { install: 'npm run vm:setup', missing: guestMissing },
  nodes: { install: 'npm run vm:setup', missing: nodesMissing },
} satisfies Record<string, Need>;

export type NeedName = keyof typeof NEEDS;

/** What is missing of a need and the command that provides it; undefined when it is met. */
export function unmet(name: NeedName): string | undefined {
  const { missing, install } = NEEDS[name];
  const what = missing();
  return what === undefined ? undefined : `${what}: ${install}`;
}

/** Test options: empty when all the named needs are met, else a skip that says what to run. */
export function needs(...names: NeedName[]): { skip?: string } {
  const without = process.env.VFIOLAB_TEST_WITHOUT?.split(',') ?? [];
  const left = names.find((name) => without.includes(name));
  if (left) return { skip: `${left} is left out by VFIOLAB_TEST_WITHOUT` };
  for (const name of names) {
    const what = unmet(name);
    if (what === undefined) continue;
    const skip = `needs ${what}`;
    if (process.env.VFIOLAB_TEST_ALL === '1') throw new Error(skip);
    return { skip };
  }
  return {};
}

/** Every Debian package of the table. */
export const packages = (): string[] =>
  Object.values(NEEDS).flatMap(({ install }) =>
    install.startsWith(APT) ? install.slice(APT.length + 1).split(' ') : [],
  );
