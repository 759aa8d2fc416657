/** Who may import whom, and what lies at the top of the checkout. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { describe, test } from 'node:test';
import ts from 'typescript';

const root = join(import.meta.dirname, '..', '..');

/** A part of the house: its files, the parts that they may import beside their own, and the packages. Node's modules are free to all. */
interface Part {
  readonly name: string;
  readonly files: RegExp;
  readonly parts?: readonly string[];
  readonly packages?: readonly string[];
}

/** A file belongs to the first row that matches it. */
const PARTS: readonly Part[] = [
  // Types, errors, pictures and numbers: they know no device. The seam is among them.
  {
    name: 'ground',
    files:
      /^lib\/(backend|errors|view|print|html|svg|plot|cell|hexdump|iova|folders|caller|histogram|pattern|hexdiff|until|thread|fate|status|host\/ids|config\/(dump|filter|words))\.ts$/,
    packages: ['hexy'],
  },
  { name: 'native', files: /^lib\/native\.ts$/, parts: ['ground', 'uapi'], packages: ['koffi'] },
  { name: 'uapi', files: /^lib\/uapi\.ts$/, parts: ['ground'] },
  { name: 'share', files: /^lib\/share\//, parts: ['ground', 'native', 'uapi'] },
  { name: 'backends', files: /^lib\/(backends|sim)\//, parts: ['ground', 'native', 'uapi', 'host', 'share'] },
  {
    name: 'pieces',
    files:
      /^lib\/(region|map|registers|fields|uses|struct|dma|buffers|guard|irq|firings|series|snapshot|irqs|silence|unmask|hot-reset|identity|config\/[^/]+)\.ts$/,
    parts: ['ground'],
  },
  { name: 'device', files: /^lib\/(device|picture)\.ts$/, parts: ['ground', 'pieces'] },
  { name: 'maps', files: /^lib\/hw\//, parts: ['ground', 'pieces'] },
  { name: 'host', files: /^lib\/host\//, parts: ['ground'] },
  { name: 'open', files: /^lib\/(open|pages)\.ts$/, parts: ['ground', 'device', 'backends', 'share'] },
  { name: 'lib', files: /^lib\/index\.ts$/, parts: ['ground', 'pieces', 'device', 'maps', 'host', 'open'] },
  {
    name: 'client',
    files: /^kernel\/(client|browsed|info|kernelspec)\.ts$/,
    parts: ['ground', 'kernel'],
  },
  { name: 'compiler', files: /^kernel\/compiler\.ts$/, parts: ['ground', 'kernel'], packages: ['tslab', 'typescript'] },
  { name: 'pipes', files: /^kernel\/(pipes|sigint)\.ts$/, parts: ['ground', 'native', 'kernel'] },
  {
    name: 'kernel',
    files: /^kernel\//,
    parts: ['ground', 'client', 'pipes', 'compiler', 'lib', 'open', 'device', 'pieces', 'share'],
    packages: ['zeromq', 'typescript', 'zx'],
  },
  {
    name: 'commands',
    files: /^repl\/(cli|run|commands\/\w+)\.ts$/,
    parts: ['ground', 'pieces', 'maps', 'host', 'open', 'client', 'prompt', 'parameters'],
  },
  { name: 'parameters', files: /^repl\/parameters\.ts$/, parts: ['ground', 'prompt'], packages: ['typescript'] },
  {
    name: 'prompt',
    files: /^repl\//,
    parts: ['ground', 'maps', 'client'],
    packages: ['ink', 'js-tokens', 'react', 'string-width'],
  },
];

/** What each file imports that its part may not. `files` maps paths to sources. */
function violations(files: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  for (const [file, source] of files) {
    const part = partOf(file);
    if (part === undefined) {
      found.push(`${file} is in no part`);
      continue;
    }
    const refuse = (what: string) => found.push(`${file} (${part.name}) imports ${what}`);
    for (const specifier of imports(source)) {
      if (specifier.startsWith('.')) {
        const target = normalize(join(dirname(file), specifier)).replace(
          /\.js$/,
          files.has(tsx(file, specifier)) ? '.tsx' : '.ts',
        );
        const other = partOf(target);
        if (other?.name !== part.name && !(part.parts ?? []).includes(other?.name ?? '')) {
          refuse(`${target} (${other?.name ?? 'no part'})`);
        }
      } else if (!isBuiltin(specifier) && !(part.packages ?? []).includes(packageOf(specifier))) refuse(specifier);
    }
    // These may also be reached by require.resolve() and the like: the quoted name is enough to be seen.
    for (const [, name = ''] of source.matchAll(/['"`](koffi|tslab)(?=['"`/])/g)) {
      if (!(part.packages ?? []).includes(name)) refuse(`'${name}' by name`);
    }
  }
  return [...new Set(found)];
}

function partOf(file: string): Part | undefined {
  return PARTS.find((part) => part.files.test(file));
}

/** Every specifier: static, type-only, dynamic, re-exported, required. */
function imports(source: string): string[] {
  return ts.preProcessFile(source, true, true).importedFiles.map((one) => one.fileName);
}

function tsx(file: string, specifier: string): string {
  return normalize(join(dirname(file), specifier)).replace(/\.js$/, '.tsx');
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function sources(...folders: readonly string[]): Map<string, string> {
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.tsx?$/.test(path))
      .map((path) => `${folder}/${path}`),
  );
  return new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
}

test('every file of lib/, kernel/ and repl/ imports what its part may import', () => {
  const files = sources('lib', 'kernel', 'repl');
  assert.deepEqual(violations(files), []);
  // The parts that the rules are about exist, so that no rule is held by an empty folder.
  for (const { name } of PARTS)
    assert.ok(
      [...files.keys()].some((file) => partOf(file)?.name === name),
      `part ${name} has no file`,
    );
});

describe('a wrong import is seen', () => {
  const cases: readonly [file: string, source: string][] = [
    ['lib/region.ts', `import { Mmio } from './native.js';`],
    ['lib/region.ts', `import koffi from 'koffi';`],
    ['lib/dma.ts', `import { openGroup } from './backends/group.js';`],
    ['lib/irq.ts', `import type { Device } from './device.js';`],
    ['lib/config/header.ts', `import { open } from '../open.js';`],
    ['lib/device.ts', `const { openSim } = await import('./backends/sim.js');`],
    ['lib/index.ts', `export { openSim } from './backends/sim.js';`],
    ['lib/backends/group.ts', `import { open } from '../open.js';`],
    ['lib/backends/group.ts', `import koffi from 'koffi';`],
    ['lib/open.ts', `import { KernelClient } from '../kernel/client.js';`],
    ['lib/view.ts', `import { Text } from 'ink';`],
    ['kernel/session.ts', `import { convert } from 'tslab/dist/converter.js';`],
    ['kernel/session.ts', `require('tslab/dist/converter.js')`],
    ['kernel/session.ts', `const at = import.meta.resolve('tslab');`],
    ['kernel/main.ts', `import { runPrompt } from '../repl/prompt.js';`],
    ['repl/prompt.tsx', `import { open } from '../lib/open.js';`],
    ['repl/prompt.tsx', `import { session } from '../kernel/session.js';`],
    ['repl/commands/peek.ts', `import { KernelEventfd } from '../../lib/backends/eventfd.js';`],
    ['repl/commands/peek.ts', `import { Text } from 'ink';`],
    ['lib/region.ts', `import left from 'left-pad';`],
    ['utils/misc.ts', ''],
  ];
  for (const [file, source] of cases) {
    test(`${file}: ${source}`, () => assert.equal(violations(new Map([[file, source]])).length > 0, true));
  }
  test('a right one is not', () => {
    const files = new Map([
      ['lib/region.ts', `import { readFileSync } from 'node:fs'; import type { Backend } from './backend.js';`],
      ['lib/native.ts', `import koffi from 'koffi';`],
      ['repl/prompt.tsx', `import { Text } from 'ink'; import { KernelClient } from '../kernel/client.js';`],
    ]);
    assert.deepEqual(violations(files), []);
  });
});

test('every package that is imported is a dependency', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const files = sources('lib', 'kernel', 'repl');
  for (const [file, source] of files) {
    for (const specifier of imports(source)) {
      if (specifier.startsWith('.') || isBuiltin(specifier)) continue;
      assert.ok(packageOf(specifier) in dependencies, `${file} imports ${specifier}`);
    }
  }
});

test('notebooks import the public face of the package, or nothing of ours', () => {
  const folder = join(root, 'notebooks');
  const notebooks = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ipynb'),
  );
  assert.ok(notebooks.length > 0, 'there is a notebook');
  for (const path of notebooks) {
    const { cells } = JSON.parse(readFileSync(join(folder, path), 'utf8'));
    for (const cell of cells) {
      if (cell.cell_type !== 'code') continue;
      const foreign = imports([cell.source].flat().join('')).filter((one) => one !== 'vfiolab' && !isBuiltin(one));
      assert.deepEqual(foreign, [], `${path}, cell ${cell.id}`);
    }
  }
});

test('the top of the checkout is what it should be', () => {
  const EXPECTED = [
    'LICENSE',
    'README.md',
    'kernel',
    'lib',
    'native',
    'notebooks',
    'package-lock.json',
    'package.json',
    'repl',
    'test',
    'tsconfig.json',
  ];
  const IGNORED = ['dist', 'node_modules'];
  const seen = readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !IGNORED.includes(name) && !name.endsWith('.tgz'))
    // Dot-files are configuration; of dot-folders only these.
    .filter((entry) => !(entry.name.startsWith('.') && (!entry.isDirectory() || ['.ci', '.git'].includes(entry.name))))
    .map(({ name }) => name)
    .sort();
  assert.deepEqual(seen, EXPECTED);
  assert.ok(existsSync(join(root, '.ci', 'run')), '.ci/run exists');
});
