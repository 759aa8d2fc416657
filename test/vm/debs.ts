/**
 * Debian packages unpacked into a folder, with all they depend on, without installing anything and without being root.
 * apt does the work with a state of its own in which nothing is installed; the mirror is the one this machine uses.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { $ as shell } from 'zx';
import { complete } from './parts.js';

const $ = shell({ verbose: false, quiet: true });
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** This machine's Debian release: 'bookworm'. */
export const release = (): string =>
  /^VERSION_CODENAME=(\w+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown';

/** apt, with the named suites of this machine's mirror as its only sources, and everything it keeps in `folder`. */
async function privateApt(folder: string, suites: readonly string[]): Promise<(...args: string[]) => Promise<string>> {
  const uris = await $`apt-get update --print-uris`;
  const mirror = /'(\S+)\/dists\/(\S+)\/InRelease'/g;
  const site = [...uris.stdout.matchAll(mirror)].find(([, , suite]) => suite === release())?.[1];
  if (!site) throw new Error(`apt has no source for ${release()}: see /etc/apt/sources.list.d`);
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  const kinds = ['deb', 'deb-src'];
  const sources = suites.flatMap((suite) => kinds.map((kind) => `${kind} ${signed}${site} ${suite} main\n`));
  await mkdir(join(folder, 'lists', 'partial'), { recursive: true });
  await mkdir(join(folder, 'archives', 'partial'), { recursive: true });
  await writeFile(join(folder, 'sources.list'), sources.join(''));
  await writeFile(join(folder, 'status'), '');
  const options = {
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State': folder,
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': folder,
    'Dir::Cache::archives': join(folder, 'archives'),
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'APT::Get::List-Cleanup': 'false',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const apt = async (...args: string[]): Promise<string> => (await $({ cwd: folder })`apt-get ${flags} ${args}`).stdout;
  await apt('update');
  return apt;
}

/** Makes `root` in one step: `fill` gets a folder beside it, which takes its name when it is whole. */
async function once(root: string, fill: (root: string, scratch: string) => Promise<void>): Promise<void> {
  if (complete(root)) return;
  await mkdir(dirname(root), { recursive: true });
  const making = await mkdtemp(`${root}.`);
  const scratch = await mkdtemp(join(tmpdir(), 'vfiolab-apt-'));
  try {
    await fill(making, scratch);
    await writeFile(join(making, '.done'), '');
    await rm(root, { recursive: true, force: true });
    await rename(making, root);
  } finally {
    await rm(making, { recursive: true, force: true });
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Unpacks packages and what they depend on into `root`, once. Of several suites the last wins. */
export const debRoot = (root: string, suites: readonly string[], packages: readonly string[]): Promise<void> =>
  once(root, async (making, scratch) => {
    const apt = await privateApt(scratch, suites);
    const last = suites.at(-1) ?? release();
    await apt('install', '--yes', '--no-install-recommends', '--download-only', '--target-release', last, ...packages);
    // Packages older than the merged /usr have files below /lib and /bin.
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
      await mkdir(join(making, 'usr', name), { recursive: true });
      await symlink(`usr/${name}`, join(making, name));
    }
    for (const file of await readdir(join(scratch, 'archives'))) {
      if (!file.endsWith('.deb')) continue;
      await $`dpkg-deb --fsys-tarfile ${join(scratch, 'archives', file)} | tar -x -C ${making} --keep-directory-symlink`;
    }
  });

/** Unpacks packages alone, without what they depend on, into `root`, once. */
export const debContents = (root: string, packages: readonly string[]): Promise<void> =>
  once(root, async (making, scratch) => {
    const apt = await privateApt(scratch, [release()]);
    await apt('download', ...packages);
    for (const file of await readdir(scratch)) {
      if (file.endsWith('.deb')) await $`dpkg-deb --extract ${join(scratch, file)} ${making}`;
    }
  });

/** The newest package that `name`, a metapackage, depends on: linux-image-amd64 -> linux-image-6.1.0-49-amd64. */
export async function dependsOn(name: string): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'vfiolab-apt-'));
  try {
    const apt = await privateApt(scratch, [release()]);
    const plan = await apt('install', '--simulate', '--no-install-recommends', name);
    const found = [...plan.matchAll(/^Inst (\S+)/gm)]
      .map((match) => match[1])
      .find((other) => other?.startsWith('linux-image-') && other !== name);
    if (!found) throw new Error(`${name} depends on no kernel image`);
    return found;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
