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

/** Runs apt-get or another of its family and returns its stdout. */
type Apt = (program: 'apt-get' | 'apt-cache', ...args: string[]) => Promise<string>;

/**
 * apt with everything it keeps in `folder`. Its sources are those of this machine that belong to its release (updates and
 * security too), and the named suites of the same mirror.
 */
async function privateApt(folder: string, suites: readonly string[] = []): Promise<Apt> {
  const uris = await $`apt-get update --print-uris`;
  const own = [...uris.stdout.matchAll(/'(\S+)\/dists\/(\S+)\/InRelease'/g)]
    .map(([, site = '', suite = '']) => ({ site, suite }))
    .filter(({ suite }) => suite.split('-')[0] === release());
  const site = own.find(({ suite }) => suite === release())?.site;
  if (!site) throw new Error(`apt has no source for ${release()}: see /etc/apt/sources.list.d`);
  const more = suites.filter((suite) => own.every((one) => one.suite !== suite)).map((suite) => ({ site, suite }));
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  const sources = [...own, ...more].map(({ site, suite }) => `deb ${signed}${site} ${suite} main\n`);
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
  const apt: Apt = async (program, ...args) => (await $({ cwd: folder })`${program} ${flags} ${args}`).stdout;
  await apt('apt-get', 'update');
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

/** Unpacks packages and what they depend on into `root`, once; from `suite` of this machine's mirror where it has them. */
export const debRoot = (root: string, suite: string, packages: readonly string[]): Promise<void> =>
  once(root, async (making, scratch) => {
    const apt = await privateApt(scratch, [suite]);
    const flags = ['--yes', '--no-install-recommends', '--download-only', '--target-release', suite];
    await apt('apt-get', 'install', ...flags, ...packages);
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

/** Unpacks packages alone, without what they depend on, into `root`, once; `suites` of this machine's mirror may have them too. */
export const debContents = (root: string, packages: readonly string[], suites?: readonly string[]): Promise<void> =>
  once(root, async (making, scratch) => {
    const apt = await privateApt(scratch, suites);
    await apt('apt-get', 'download', ...packages);
    for (const file of await readdir(scratch)) {
      if (file.endsWith('.deb')) await $`dpkg-deb --extract ${join(scratch, file)} ${making}`;
    }
  });

/** What `ask` learns from apt about this machine's release, and `suites` of its mirror. */
async function learn<T>(ask: (apt: Apt) => Promise<T>, suites?: readonly string[]): Promise<T> {
  const scratch = await mkdtemp(join(tmpdir(), 'vfiolab-apt-'));
  try {
    return await ask(await privateApt(scratch, suites));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The kernel package that a metapackage stands for now: linux-image-amd64 -> linux-image-6.1.0-50-amd64. */
export const kernelPackage = (metapackage: string): Promise<string> =>
  learn(async (apt) => {
    const plan = await apt('apt-get', 'install', '--simulate', '--no-install-recommends', metapackage);
    const names = [...plan.matchAll(/^Inst (linux-image-\S+)/gm)].map((match) => match[1]);
    const found = names.find((name) => name !== metapackage);
    if (!found) throw new Error(`${metapackage} stands for no kernel package`);
    return found;
  });

/** The packages whose names begin so. */
export const packagesNamed = (prefix: string, suites?: readonly string[]): Promise<string[]> =>
  learn(async (apt) => (await apt('apt-cache', 'pkgnames', prefix)).split('\n').filter(Boolean), suites);
