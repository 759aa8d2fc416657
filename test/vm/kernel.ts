/**
 * `npm run vm:kernel [-- newest]`: builds the guest's kernel from Debian's linux-source with kernel.fragment, into the cache folder:
 * legacy groups, iommufd, no-iommu and SR-IOV, all built in, which no kernel of Debian's own has. From the newest source of this machine's
 * Debian, or the newest that its mirror has. 9 minutes on two cores, 3 GB of disk while it runs.
 */
import { readFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { $ as shell } from 'zx';
import { debContents, packagesNamed } from './debs.js';
import { CHECKOUT } from './guest.js';
import { BUILT_KERNEL, CACHE, NEWEST_KERNEL } from './parts.js';

const TOOLS = ['gcc', 'make', 'flex', 'bison', 'bc', 'zstd', 'xz'];
const PACKAGES = 'gcc make libc6-dev flex bison bc zstd xz-utils libelf-dev';

/** Where a kernel is newer than this machine's Debian has. */
const NEWEST_SUITES = ['sid', 'trixie-backports'];
const newest = process.argv[2] === 'newest';
const suites = newest ? NEWEST_SUITES : [];
const built = newest ? NEWEST_KERNEL : BUILT_KERNEL;

const $ = shell({ verbose: false, quiet: true });
const say = (text: string): boolean => process.stderr.write(`${text}\n`);

/** What of the tools is not here. */
async function missing(): Promise<string[]> {
  const quietly = shell({ nothrow: true, quiet: true });
  const absent: string[] = [];
  for (const tool of TOOLS) if ((await quietly`command -v ${tool}`).exitCode !== 0) absent.push(tool);
  const libelf = await shell({ nothrow: true, quiet: true, input: '#include <libelf.h>\n' })`gcc -E -`;
  return libelf.exitCode === 0 ? absent : [...absent, 'libelf.h'];
}

/** The newest linux-source-N.N. */
async function newestSource(): Promise<string> {
  const version = (name: string): number[] => name.replace('linux-source-', '').split('.').map(Number);
  const names = (await packagesNamed('linux-source-', suites)).filter((name) => /-\d+\.\d+$/.test(name));
  const [last] = names.sort((a, b) => {
    const [[majorA = 0, minorA = 0], [majorB = 0, minorB = 0]] = [version(a), version(b)];
    return majorB - majorA || minorB - minorA;
  });
  if (!last) throw new Error('this Debian has no linux-source package');
  return last;
}

/** Every option of the fragment that the configuration did not take, as lines of the fragment. */
function notTaken(fragment: string, config: string): string[] {
  const taken = new Set(readFileSync(config, 'utf8').split('\n'));
  const wanted = readFileSync(fragment, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('CONFIG_'));
  return wanted.filter(
    (line) =>
      !taken.has(line) && !taken.has(line.replace(/^(CONFIG_\w+)=n$/, '# $1 is not set')) && !line.endsWith('=n'),
  );
}

const absent = await missing();
if (absent.length > 0) {
  say(`vm:kernel needs ${absent.join(', ')}:\n  apt-get install --no-install-recommends ${PACKAGES}`);
  process.exit(1);
}
const source = await newestSource();
const work = join(CACHE, `${basename(dirname(built))}-build`);
await rm(work, { recursive: true, force: true });
await mkdir(work, { recursive: true });
try {
  say(`unpacking ${source}`);
  await debContents(join(work, 'deb'), [source], suites);
  await $`tar -x -f ${join(work, 'deb/usr/src', `${source}.tar.xz`)} -C ${work}`;
  const tree = shell({ cwd: join(work, source), stdio: ['ignore', 'ignore', 'inherit'], verbose: false });
  const fragment = join(CHECKOUT, 'test', 'vm', 'kernel.fragment');
  await tree`make tinyconfig`;
  await tree`scripts/kconfig/merge_config.sh -m .config ${fragment}`;
  await tree`make olddefconfig`;
  for (const line of notTaken(fragment, join(work, source, '.config'))) say(`  not taken by ${source}: ${line}`);
  say(`building vmlinux with ${availableParallelism()} jobs`);
  await tree`make -j${availableParallelism()} vmlinux`;
  await mkdir(dirname(built), { recursive: true });
  await $`strip -o ${`${built}.new`} ${join(work, source, 'vmlinux')}`;
  await rename(`${built}.new`, built);
  say(`built ${built}`);
} finally {
  await rm(work, { recursive: true, force: true });
}
