/**
 * `npm test`: node's own test runner over every test of this checkout, each file in a process of its own.
 *
 *     node dist/test/run.js [NAME…]     only the files whose name contains a NAME
 *     node dist/test/run.js --again     a file with a failure is run once more, alone: on a machine that is short of breath
 *                                       a test may wait in vain; both runs are told, and only the second counts
 *
 * Files are found by their sources, so that what an earlier build left in dist/ is not run. The report is node's; added to
 * it, last before node's summary, is a list of what was skipped and the command that would have it run.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';

const root = join(import.meta.dirname, '..', '..');
/** No file may take longer; the longest, the guest's, takes a few minutes on a busy machine. */
const FILE_TIMEOUT = 900_000;

const again = process.argv.includes('--again');
/**
 * Those that take longest first, so that none of them is begun last: the guests, then what runs many kernels or waits a lot. Two guests
 * at a time: a third takes their processors' caches from them, and each is a third slower.
 */
const LONG = [
  'vm/edu vm/prompt browser bench kernel-matrix prompt-terminal vm/processes vm/vm vm/iommu',
  'prompt-status-terminal soak jupyter cli-run cli prompt-browsing prompt-existing prompt-widths package',
  'kernel-life settled',
].flatMap((names) => names.split(' ').map((name) => `${name}.test.ts`));
const place = (path: string): number => (LONG.includes(path) ? LONG.indexOf(path) : LONG.length);
const isGuest = (file: string): boolean => file.includes('/vm/');

const wanted = process.argv.slice(2).filter((word) => word !== '--again');
const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.test\.tsx?$/.test(path))
  .filter((path) => wanted.length === 0 || wanted.some((name) => path.includes(name)))
  .sort((a, b) => place(a) - place(b) || a.localeCompare(b))
  .map((path) => join(root, 'dist', 'test', path.replace(/\.tsx?$/, '.js')));

const SUMMARY = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/;
const skipped: string[] = [];
const summary: string[] = [];
const failed = new Set<string>();

/** Passes node's events on to its reporter, but for the summary, which is to come last. */
async function* noting(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  for await (const event of events) {
    if (event.type === 'test:diagnostic' && event.data.nesting === 0 && SUMMARY.test(event.data.message)) {
      summary.push(event.data.message);
      continue;
    }
    if (event.type === 'test:fail' && !event.data.todo) failed.add(event.data.file ?? '');
    if (event.type === 'test:pass' && event.data.skip) {
      const { name, skip, file } = event.data;
      skipped.push(`${name} (${file ? relative(join(root, 'dist'), file) : 'test'}): ${skip === true ? '' : skip}`);
    }
    yield event;
  }
}

if (files.length === 0) {
  process.stderr.write(`no test file's name contains ${wanted.join(' or ')}\n`);
  process.exit(2);
}
// Tests name the card they open; a session's own choice must not reach them.
delete process.env.VFIOLAB_DEVICE;
// Nor may they reach the user's history.
const state = mkdtempSync(join(tmpdir(), 'state-'));
process.env.XDG_STATE_HOME = state;
// Tests bring terminals of their own; where these are set Ink takes it that nobody looks at them, and draws nothing.
delete process.env.CI;
delete process.env.CONTINUOUS_INTEGRATION;

async function report(these: string[], concurrency: number): Promise<void> {
  const events = run({ files: these, concurrency, timeout: FILE_TIMEOUT });
  for await (const text of Readable.from(noting(events)).pipe(new spec())) process.stdout.write(text);
  if (skipped.length > 0)
    process.stdout.write(`\nSKIPPED, ${skipped.length}:\n${skipped.map((s) => `  ${s}\n`).join('')}\n`);
  // As `node --test` of this version would end, on a terminal and in a pipe.
  const mark = process.stdout.isTTY ? 'ℹ' : '#';
  process.stdout.write(summary.map((line) => `${mark} ${line}\n`).join(''));
}

/** Tests wait half of their time for what they started: one file more than there are processors keeps these busy. Guests never wait. */
const processors = availableParallelism();
await report(files, files.every(isGuest) ? processors : processors + 1);
const suspects = files.filter((file) => failed.has(file));
if (again && suspects.length > 0 && suspects.length === failed.size) {
  process.stdout.write(`\nAGAIN, alone: ${suspects.map((file) => relative(join(root, 'dist'), file)).join(', ')}\n\n`);
  for (const list of [skipped, summary]) list.length = 0;
  failed.clear();
  await report(suspects, 1);
}
if (failed.size > 0) process.exitCode = 1;
rmSync(state, { recursive: true, force: true });
