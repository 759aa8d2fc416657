/**
 * The built library in one file with V8's code cache beside it, for the processes of a guest, which starts many: there a start takes half
 * a second so, and two where each module is found, read and compiled by itself. The same code, as CommonJS; in dist/lib of that guest a
 * module of one line hands on what it exports.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { CHECKOUT, type Guest } from './guest.js';

const DIST = join(CHECKOUT, 'dist');
/** An ES module too: loaded by require it would bring all of the loader of these with it. */
const HEXY = join(CHECKOUT, 'node_modules', 'hexy', 'hexy.js');
/** What a thread begins with: it is not to be loaded elsewhere. */
const THREADS = ['lib/share/thread.js', 'lib/sim/thread.js'];

/** Makes every module a function of what Node gives a CommonJS module, and of the URL that it had. */
const LOADER = `
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path').posix;
const outside = createRequire(CHECKOUT);
const loaded = new Map();
function load(name) {
  if (loaded.has(name)) return loaded.get(name);
  const exports = {};
  loaded.set(name, exports);
  const inside = (path) => (path.startsWith('.') ? load(join(dirname(name), path)) : path in modules ? load(path) : outside(path));
  modules[name](exports, inside, urls[name]);
  return exports;
}
load;
`;

/** Loads the script from its file, with the cache where there is one. */
const ENTRY = `
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');
const file = join(__dirname, 'bundle.js');
const cache = join(__dirname, 'bundle.cache');
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
// Among the library's own, which tells its callers' places from its own by that.
const filename = FILENAME;
const script = new Script(readFileSync(file, 'utf8'), { filename, ...(cachedData && { cachedData }) });
if (script.cachedDataRejected) process.stderr.write('the code cache of ' + file + ' was refused\\n');
exports.load = script.runInThisContext()(require);
exports.script = script;
`;

/** Has what the guest finds in dist/lib come from it; the host's stays as it is. */
export async function bundled(guest: Guest): Promise<void> {
  const folder = await made();
  const { code, output } = await guest.run(`mount --bind '${folder}/stubs' dist/lib`);
  if (code !== 0) throw new Error(output);
}

const digest = (names: readonly string[]): string => {
  const hash = createHash('sha256').update(process.version);
  for (const name of [...names, 'test/vm/bundle.js']) hash.update(readFileSync(join(DIST, name)));
  return hash.digest('hex').slice(0, 16);
};

/** Makes it where nobody has yet, for this build of the library; one process does so while the others wait. @returns its folder */
async function made(): Promise<string> {
  const folder = join(DIST, `lab-${digest(sources())}`);
  if (!existsSync(folder)) {
    await promisify(execFile)('flock', [join(DIST, 'lab.lock'), process.execPath, import.meta.filename, folder]);
  }
  return folder;
}

const sources = (): string[] =>
  readdirSync(join(DIST, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.js'))
    .map((path) => `lib/${path}`);

/** Writes it into `folder`, unless it is there; those of earlier builds go. */
function bundle(folder: string): void {
  if (existsSync(folder)) return;
  for (const name of readdirSync(DIST)) {
    if (name.startsWith('lab-')) rmSync(join(DIST, name), { recursive: true });
  }
  const making = join(DIST, 'lab-making');
  const names = sources();
  const urls = Object.fromEntries(names.map((name) => [name, pathToFileURL(join(DIST, name)).href]));
  const files = [...names.map((name) => [name, join(DIST, name)] as const), ['hexy', HEXY] as const];
  const modules = files.map(([name, file]) => `${JSON.stringify(name)}(exports, require, url) {\n${commonJs(file)}\n}`);
  const script = [
    "'use strict';",
    '(require) => {',
    `const CHECKOUT = ${JSON.stringify(join(CHECKOUT, 'package.json'))};`,
    `const urls = ${JSON.stringify(urls)};`,
    `const modules = {\n${modules.join(',\n')}\n};`,
    LOADER.replace(/load;\n$/, 'return load;\n}'),
  ].join('\n');
  mkdirSync(making);
  writeFileSync(join(making, 'bundle.js'), script);
  const filename = JSON.stringify(pathToFileURL(join(DIST, 'lib', 'bundle.js')).href);
  writeFileSync(join(making, 'entry.cjs'), ENTRY.replace('FILENAME', filename));
  const plain = names.filter((name) => !THREADS.includes(name));
  const child = spawnSync(process.execPath, ['-e', CACHE, making, ...plain], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`the bundle for the guest does not run: ${child.stderr}`);
  const exported: Record<string, readonly string[]> = JSON.parse(child.stdout);
  for (const name of names) {
    const file = join(making, 'stubs', relative('lib', name));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, stub(folder, name, exported[name] ?? []));
  }
  writeFileSync(join(making, 'stubs', 'entry.cjs'), `module.exports = require('${folder}/entry.cjs');\n`);
  renameSync(making, folder);
}

/** Loads each of the modules and says what it exports; what was compiled once some were used is in the cache. */
const CACHE = `
  const [folder, ...names] = process.argv.slice(1);
  const { load, script } = require(folder + '/entry.cjs');
  const exported = Object.fromEntries(names.map((name) => [name, Object.keys(load(name))]));
  const { EDU, open } = load('lib/index.js');
  const dev = open('sim:edu');
  dev.bar(0).registers(EDU).ID.read();
  dev.dma(4096).free();
  dev.enableIrqs('msi');
  dev.close();
  require('node:fs').writeFileSync(folder + '/bundle.cache', script.createCachedData());
  console.log(JSON.stringify(exported));`;

/** A module of the guest's dist/lib: that of the bundle. */
const stub = (folder: string, name: string, exported: readonly string[]): string => `
  import { createRequire } from 'node:module';
  const loaded = createRequire(import.meta.url)('${folder}/entry.cjs').load('${name}');
  export const { ${exported.join(', ')} } = loaded;
`;

function commonJs(file: string): string {
  const source = readFileSync(file, 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, removeComments: true },
  });
  // A module that makes itself one has it now.
  return outputText.replace(/^const require = .*$/m, '').replaceAll('import.meta.url', 'url');
}

const [, script, folder] = process.argv;
if (script === import.meta.filename && folder !== undefined) bundle(folder);
