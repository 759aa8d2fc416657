/**
 * The built library in one file with V8's code cache beside it, for processes in the guest that are started again and again: there a start
 * takes half a second so, and two where each module is found, read and compiled by itself. The same code, as CommonJS.
 *
 *     const lab = require('FOLDER/lab.cjs')
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { CHECKOUT, type Guest } from './guest.js';

const DIST = join(CHECKOUT, 'dist');
/** Its thread is started by a URL beside its own, and is to be of the bundle too. */
const THREAD = 'lib/share/thread.js';
const STARTS_IT = 'lib/share/host.js';

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
  const inside = (path) => (path.startsWith('.') ? load(join(dirname(name), path)) : outside(path));
  modules[name](exports, inside, urls[name]);
  return exports;
}
load;
`;

/** Loads the script from its file, with the cache where there is one; \`--cache FILE\` makes it. */
const ENTRY = `
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');
const file = join(__dirname, 'bundle.js');
const cache = join(__dirname, 'bundle.cache');
const cachedData = existsSync(cache) ? readFileSync(cache) : undefined;
const script = new Script(readFileSync(file, 'utf8'), { filename: file, ...(cachedData && { cachedData }) });
if (script.cachedDataRejected) process.stderr.write('the code cache of ' + file + ' was refused\\n');
exports.load = script.runInThisContext()(require);
exports.script = script;
`;

/** Gives it to a guest; what is run there with this before it has $VFIOLAB_BUNDLE, which is to be required. */
export async function bundled(guest: Guest): Promise<string> {
  bundle(join(guest.ctl, 'lab'), '/dev/shm/lab');
  const { code, output } = await guest.run('cp -r /ctl/lab /dev/shm/lab');
  if (code !== 0) throw new Error(output);
  return 'export VFIOLAB_BUNDLE=/dev/shm/lab/lab.cjs';
}

/** Writes it into `folder`, to be used at the path `at`. */
function bundle(folder: string, at: string): void {
  const names = readdirSync(join(DIST, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.js'))
    .map((path) => `lib/${path}`);
  const urls = Object.fromEntries(
    names.map((name) => [name, pathToFileURL(join(name === STARTS_IT ? at : DIST, name)).href]),
  );
  const modules = names.map((name) => `${JSON.stringify(name)}(exports, require, url) {\n${commonJs(name)}\n}`);
  const script = [
    "'use strict';",
    '(require) => {',
    `const CHECKOUT = ${JSON.stringify(join(CHECKOUT, 'package.json'))};`,
    `const urls = ${JSON.stringify(urls)};`,
    `const modules = {\n${modules.join(',\n')}\n};`,
    LOADER.replace(/load;\n$/, 'return load;\n}'),
  ].join('\n');
  mkdirSync(join(folder, 'lib', 'share'), { recursive: true });
  writeFileSync(join(folder, 'bundle.js'), script);
  writeFileSync(join(folder, 'entry.cjs'), ENTRY);
  writeFileSync(join(folder, 'lab.cjs'), "module.exports = require('./entry.cjs').load('lib/index.js');\n");
  writeFileSync(join(folder, THREAD), `require('../../entry.cjs').load('${THREAD}');\n`);
  // Once both were used: what was compiled by then is in the cache.
  const cache = `
    const { load, script } = require(process.argv[1] + '/entry.cjs');
    const { EDU, open } = load('lib/index.js');
    load('lib/share/attendant.js');
    load('lib/share/sharer.js');
    const dev = open('sim:edu');
    dev.bar(0).registers(EDU).ID.read();
    dev.dma(4096).free();
    dev.enableIrqs('msi');
    dev.close();
    require('node:fs').writeFileSync(process.argv[1] + '/bundle.cache', script.createCachedData());`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', cache, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the bundle for the guest does not run: ${stderr}`);
}

function commonJs(name: string): string {
  const source = readFileSync(join(DIST, name), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, removeComments: true },
  });
  // A module that makes itself one has it now.
  return outputText.replace(/^const require = .*$/m, '').replaceAll('import.meta.url', 'url');
}
