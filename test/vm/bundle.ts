/**
 * The built library for the processes of a guest, which starts many: its modules as CommonJS in one file, V8's code cache of each beside it,
 * and each loaded when the first of its exports is used. There a start takes a quarter of a second so, and two where every module is found,
 * read and compiled by itself. In dist/lib of that guest a module of a few lines hands on what it exports; its declarations are as they were.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
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

/** Where a module is in its file: [start, end], and its URL. */
type Places = Readonly<Record<string, readonly [start: number, end: number, url: string]>>;

/** Loads a module from its place, with its code cache where there is one. */
const ENTRY = `
const { existsSync, openSync, readFileSync, readSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path').posix;
const { Script } = require('node:vm');
const outside = createRequire(CHECKOUT);
const places = PLACES;
const modules = openSync(join(__dirname, 'modules.js'));
const index = join(__dirname, 'caches.json');
const known = existsSync(index) ? JSON.parse(readFileSync(index, 'latin1')) : {};
const caches = existsSync(index) ? openSync(join(__dirname, 'caches')) : undefined;
const loaded = new Map();
const lazy = new Map();

function read(file, [start, end]) {
  const bytes = Buffer.allocUnsafe(end - start);
  readSync(file, bytes, 0, bytes.length, start);
  return bytes;
}

function load(name) {
  const already = loaded.get(name);
  if (already) return already.exports;
  const [start, end, filename] = places[name];
  const cachedData = known[name] && read(caches, known[name]);
  const script = new Script(read(modules, [start, end]).latin1Slice(), { filename, ...(cachedData && { cachedData }) });
  if (script.cachedDataRejected) process.stderr.write('the code cache of ' + name + ' was refused\\n');
  const module = { script, exports: {}, whole: false };
  loaded.set(name, module);
  script.runInThisContext()(module.exports, (path) => required(name, path), filename);
  module.whole = true;
  return module.exports;
}

function required(by, path) {
  const name = path.startsWith('.') ? join(dirname(by), path) : path;
  if (!(name in places)) return outside(path);
  if (!lazy.has(name)) lazy.set(name, promised(name));
  return lazy.get(name);
}

/** Stands for a module's exports, and has them once one of them was asked for. */
function promised(name) {
  const get = (_, key) => {
    const exports = load(name);
    if (loaded.get(name).whole) Object.defineProperties(own, Object.getOwnPropertyDescriptors(exports));
    return exports[key];
  };
  const own = Object.create(new Proxy({}, { get }));
  return own;
}

module.exports = { load, loaded };
`;

/** Has what the guest finds in dist/lib come from it; the host's stays as it is. */
export async function bundled(guest: Guest): Promise<void> {
  const folder = await made();
  const { code, output } = await guest.run(`mount --bind '${folder}/stubs' dist/lib`);
  if (code !== 0) throw new Error(output);
}

const digest = (): string => {
  const hash = createHash('sha256').update(process.version);
  for (const name of [...built('.js'), ...built('.d.ts'), 'test/vm/bundle.js'])
    hash.update(readFileSync(join(DIST, name)));
  return hash.digest('hex').slice(0, 16);
};

/** Makes it where nobody has yet, for this build of the library; one process does so while the others wait. @returns its folder */
async function made(): Promise<string> {
  const folder = join(DIST, `lab-${digest()}`);
  if (!existsSync(folder)) {
    await promisify(execFile)('flock', [join(DIST, 'lab.lock'), process.execPath, import.meta.filename, folder]);
  }
  return folder;
}

const built = (end: '.js' | '.d.ts'): string[] =>
  readdirSync(join(DIST, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(end))
    .map((path) => `lib/${path}`);

/** Writes it into `folder`, unless it is there; those of earlier builds go. */
function bundle(folder: string): void {
  if (existsSync(folder)) return;
  for (const name of readdirSync(DIST)) {
    if (name.startsWith('lab-')) rmSync(join(DIST, name), { recursive: true });
  }
  const making = join(DIST, 'lab-making');
  const names = built('.js');
  mkdirSync(making);
  const { text, places } = joined([...names.map((name) => [name, join(DIST, name)] as const), ['hexy', HEXY]]);
  writeFileSync(join(making, 'modules.js'), text);
  const entry = ENTRY.replace('PLACES', JSON.stringify(places));
  writeFileSync(join(making, 'entry.cjs'), entry.replace('CHECKOUT', JSON.stringify(join(CHECKOUT, 'package.json'))));
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
  for (const name of built('.d.ts')) copyFileSync(join(DIST, name), join(making, 'stubs', relative('lib', name)));
  // A thread that begins with one of them needs nothing of the loader of ES modules.
  writeFileSync(join(making, 'stubs', 'package.json'), '{ "type": "commonjs" }\n');
  renameSync(making, folder);
}

/** Every module a function of what Node gives a CommonJS module, and of the URL that it had; one after the other. */
function joined(files: readonly (readonly [name: string, file: string])[]): { text: string; places: Places } {
  const places: Record<string, Places[string]> = {};
  let text = '';
  for (const [name, file] of files) {
    const code = `'use strict';(exports, require, url) => {\n${commonJs(file)}\n}\n`;
    places[name] = [text.length, text.length + code.length, pathToFileURL(file).href];
    text += code;
  }
  return { text, places };
}

/** Loads each of the modules and says what it exports; what was compiled once some were used is in the caches. */
const CACHE = `
  const { writeFileSync } = require('node:fs');
  const [folder, ...names] = process.argv.slice(1);
  const { load, loaded } = require(folder + '/entry.cjs');
  const exported = Object.fromEntries(names.map((name) => [name, Object.keys(load(name))]));
  const { EDU, open } = load('lib/index.js');
  const dev = open('sim:edu');
  dev.bar(0).registers(EDU).ID.read();
  dev.dma(4096).free();
  dev.enableIrqs('msi');
  dev.close();
  const caches = {};
  const parts = [];
  let at = 0;
  for (const [name, { script }] of loaded) {
    const data = script.createCachedData();
    caches[name] = [at, at + data.length];
    parts.push(data);
    at += data.length;
  }
  writeFileSync(folder + '/caches', Buffer.concat(parts));
  writeFileSync(folder + '/caches.json', JSON.stringify(caches));
  console.log(JSON.stringify(exported));`;

/** A module of the guest's dist/lib: that of the bundle. */
const stub = (folder: string, name: string, exported: readonly string[]): string =>
  [
    `const loaded = require('${folder}/entry.cjs').load('${name}');`,
    ...exported.map((each) => `exports.${each} = loaded.${each};`),
    '',
  ].join('\n');

function commonJs(file: string): string {
  const source = readFileSync(file, 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, removeComments: true },
  });
  // A module that makes itself one has it now. ASCII is read fast.
  return outputText
    .replace(/^const require = .*$/m, '')
    .replaceAll('import.meta.url', 'url')
    .replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const [, script, folder] = process.argv;
if (script === import.meta.filename && folder !== undefined) bundle(folder);
