/** Another process with the library in hand, told what to do line by line. What `state` holds stays from one line to the next. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { EDU_BUFFER } from '../../../lib/index.js';
import { EDU } from '../cards.js';

const LIBRARY = new URL('../../../lib/index.js', import.meta.url).href;
/** Of the bundle (../bundle.ts): it needs nothing of Node's loader of ES modules. */
const ENTRY = fileURLToPath(new URL('../../../lib/entry.cjs', import.meta.url));
const LAB = existsSync(ENTRY) ? `Promise.resolve(require('${ENTRY}').load('lib/index.js'))` : `import('${LIBRARY}')`;
/** For `node -e`, which knows no import: `lab` is the library in what follows. */
export const WITH_LAB = (program: string): string => `${LAB}.then(async (lab) => {${program}});`;

const PROGRAM: string = WITH_LAB(`
  const { writeSync } = require('node:fs');
  const { createInterface } = require('node:readline');
  const Body = Object.getPrototypeOf(async () => {}).constructor;
  const state = {};
  const say = (answer) => writeSync(1, JSON.stringify(answer, (_, value) => typeof value === 'bigint' ? String(value) : value) + '\\n');
  say({ id: 0 });
  createInterface({ input: process.stdin }).on('line', async (line) => {
    const { id, code } = JSON.parse(line);
    try {
      say({ id, value: await new Body('lab', 'state', 'say', code)(lab, state, (value) => say({ id: 'said', value })) });
    } catch (error) {
      say({ id, error: error.name + ': ' + error.message });
    }
  }).on('close', () => process.exit());
`);

/** Where the card has its own memory, as its DMA engine sees it. */
export const CARD = BigInt(EDU_BUFFER.offset);
/** The card, shared, as `state.dev`. */
export const SHARE = `state.dev = lab.open('${EDU}', { share: true }); state.edu = state.dev.bar(0).registers(lab.EDU);`;
/** Eight bytes of its own memory through the card to the same memory, where nobody else of it runs. */
export const ROUND_TRIP = `
  const { dev, edu } = state;
  dev.busMaster(true);
  const buffer = dev.dma(4096, { mask: lab.EDU_DMA_MASK });
  const move = async (from, to, direction) => {
    edu.DMA_SRC.write(from); edu.DMA_DST.write(to); edu.DMA_COUNT.write(8n); edu.DMA_CMD.write({ RUN: 1n, TO_MEMORY: direction });
    while (edu.DMA_CMD.read().RUN) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  buffer.bytes.set([process.pid & 0xff, 2, 3, 4, 5, 6, 7, 8]);
  await move(buffer.iova, ${CARD}n, 0n);
  await move(${CARD}n, buffer.iova + 64n, 1n);
  const same = buffer.bytes.slice(0, 8).toString() === buffer.bytes.slice(64, 72).toString();
  buffer.free();
  if (!same) throw new Error('the bytes did not come back');
`;
/** MSI enabled, fired by the card, and disabled. */
export const INTERRUPT = `
  const { dev, edu } = state;
  dev.busMaster(true);
  const [irq] = dev.enableIrqs('msi');
  edu.IRQ_RAISE.write(1);
  await irq.wait({ timeout: 10_000 });
  edu.IRQ_ACK.write(1);
  dev.disableIrqs();
`;

/** Those that were started. */
const faces = new Set<Face>();

/** Kills all but `spare`: what a test that failed left behind would hold the card against the next. */
export async function killFaces(spare?: Face): Promise<void> {
  await Promise.all([...faces].filter((face) => face !== spare).map((face) => face.kill()));
}

export class Face {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #said: ((value: unknown) => void)[] = [];
  /** It has loaded the library. */
  readonly ready: Promise<unknown>;
  readonly ended: Promise<unknown>;
  #count = 0;

  constructor() {
    faces.add(this);
    this.#child = spawn(process.execPath, ['-e', PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.ended = once(this.#child, 'exit');
    this.ready = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    this.ready.catch(() => {});
    const { stdin, stdout } = this.#child;
    if (!stdin || !stdout) throw new Error('no pipes');
    stdin.on('error', () => {});
    createInterface({ input: stdout }).on('line', (line) => {
      const { id, value, error } = JSON.parse(line);
      if (id === 'said') return this.#said.shift()?.(value);
      const waiter = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiter?.resolve(value);
      else waiter?.reject(new Error(error));
    });
    void this.ended.then(() => {
      faces.delete(this);
      for (const { reject } of this.#waiting.values()) reject(new Error('the process is gone'));
    });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The body of an async function of `lab`, `state` and `say`; what it returns, as JSON. bigints come as strings. */
  async run(code: string): Promise<unknown> {
    await this.ready;
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify({ id, code })}\n`);
    });
  }

  /** What a body says next. */
  said(): Promise<unknown> {
    return new Promise((resolve) => this.#said.push(resolve));
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }

  /** Ends it as a process ends that nobody needs any more. */
  async end(): Promise<void> {
    this.#child.stdin?.end();
    await this.ended;
  }
}
