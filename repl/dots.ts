/** The dot-commands: what steers the terminal and is not part of the language. One row each; `.help` lists them. */
import { statusView } from '../lib/status.js';
import type { Cell, ViewData } from '../lib/view.js';
import type { Outlet } from './outlet.js';
import type { Origin } from './recipe.js';
import { kernelTime } from './status.js';
import type { Work } from './work.js';

/** What a dot-command may steer. */
export interface Steering {
  readonly work: Work;
  readonly outlet: Outlet;
  readonly origin: Origin | undefined;
  /** Puts a text into the editor, in the place of what is there. */
  readonly type: (text: string) => void;
  /** Lets the user's editor change a text. */
  readonly editText: (text: string) => Promise<string>;
  readonly leave: () => void;
}

interface Dot {
  /** What follows the name in the help. */
  readonly usage?: string;
  readonly help: string;
  readonly run: (steering: Steering, argument: string) => void | Promise<void>;
}

const KEYS: readonly (readonly [string, string])[] = [
  ['Enter', 'run the cell; go on to a new line where it is incomplete'],
  ['Alt-Enter', 'a new line'],
  ['Tab', 'complete; again: the next match'],
  ['Up, Down', 'history (cells that begin with what is typed)'],
  ['Ctrl-R', 'search the history; again: the next older cell'],
  ['Right, Alt-F', 'take what the history suggests, or a word of it'],
  ['Ctrl-C', 'stop the cell; clear the line; end what is watched'],
  ['Ctrl-D', 'leave, closing the card; a kernel that was joined goes on'],
  ['Ctrl-Z', 'back to the shell; fg comes back'],
  ['Ctrl-A/E/B/F, Alt-B/F', 'move'],
  ['Ctrl-W/U/K, Alt-D', 'cut'],
  ['Ctrl-Y, Alt-Y', 'paste what was cut; what was cut before'],
  ['Ctrl-T, Alt-T/U/L/C', 'swap letters, words; upper, lower, capital'],
  ['Ctrl-_', 'undo'],
  ['Ctrl-O', 'all of a long result: the pager'],
  ['Ctrl-L', 'clear the screen'],
];

const rows = (entries: readonly (readonly [string, string])[]): Cell[][] =>
  entries.map(([name, what]) => [{ text: name, tone: 'name' }, { text: what }]);

const busyText = (milliseconds: number): string =>
  `The kernel is busy: a cell has run for ${Math.floor(milliseconds / 1000)} s.`;

const DOTS: Readonly<Record<string, Dot>> = {
  '.help': {
    help: 'this',
    run: ({ outlet }) => {
      const dots = Object.entries(DOTS).map(
        ([name, { usage, help }]) => [usage ? `${name} ${usage}` : name, help] as const,
      );
      const view: ViewData = { title: 'Keys', head: [], rows: rows([...KEYS, ...dots]) };
      outlet.show({ kind: 'view', view });
    },
  },
  '.cells': {
    help: 'the cells that ran',
    run: ({ outlet, work }) => {
      const cells = work.ran.map(({ number, text, ok }): Cell[] => [
        { text: `${number}`, align: 'right', tone: 'dim' },
        { text: text.replace(/\n.*/s, ' …') },
        ok ? { text: '' } : { text: 'failed', tone: 'bad' },
      ]);
      outlet.show({ kind: 'view', view: { title: 'Cells', head: [], rows: cells } });
    },
  },
  '.status': {
    help: 'the open cards; reads COMMAND and the link again',
    run: async ({ outlet, work }) => {
      const fresh = await work.refresh();
      const now = Date.now();
      const { told, running } = work.state;
      if (!fresh)
        outlet.note(`${running ? busyText(now - running.since) : 'The kernel does not answer.'} As last known:`, true);
      if (fresh && told?.failure !== undefined) outlet.note(told.failure, true);
      if (!told || told.cards.length === 0) outlet.note('No card is open.');
      else for (const card of told.cards) outlet.show({ kind: 'view', view: statusView(card, kernelTime(told, now)) });
    },
  },
  '.save': {
    usage: 'FILE.ipynb [2-4,7]',
    help: 'write the session, or these cells of it, as a notebook',
    run: async ({ outlet, work, origin }, argument) => {
      const [, file, chosen = ''] = /^(\S+?)(?:\s+([\d,\s-]+))?$/.exec(argument) ?? [];
      if (file === undefined) throw new Error('name the file: .save bringup.ipynb');
      const { choice, notebookOf } = await import('./recipe.js');
      const { writeNotebook } = await import('./notebook.js');
      const cells = choice(work.ran, chosen);
      if (cells === undefined) throw new Error(`${chosen} is no list of cells; give one like 2-4,7`);
      writeNotebook(file, notebookOf(cells, origin));
      outlet.note(`${cells.length} ${cells.length === 1 ? 'cell' : 'cells'} in ${file}`);
    },
  },
  '.load': {
    usage: 'FILE',
    help: 'run a notebook or a .ts file cell by cell, up to the first error',
    run: async ({ work }, file) => {
      if (file === '') throw new Error('name the file: .load bringup.ipynb');
      const { cellsOf } = await import('./recipe.js');
      work.enter(cellsOf(file), true);
    },
  },
  '.edit': {
    usage: '[CELL]',
    help: 'the last cell, or that one, in $EDITOR',
    run: async ({ work, type, editText }, argument) => {
      const cell = argument === '' ? work.ran.at(-1) : work.ran.find(({ number }) => `${number}` === argument);
      if (cell === undefined && argument !== '') throw new Error(`no cell ${argument}; .cells lists them`);
      type(await editText(cell?.text ?? ''));
    },
  },
  '.exit': { help: 'as Ctrl-D', run: ({ leave }) => leave() },
};

/** Runs a dot-command; undefined where `text` is none: it is a cell then. What is wrong with it is said. */
export function dot(text: string, steering: Steering): Promise<void> | undefined {
  const [, name = '', argument = ''] = /^\s*(\.[a-z]+)(?:[ \t]+([^\n]*?))?\s*$/i.exec(text) ?? [];
  if (name === '') return undefined;
  const found = Object.hasOwn(DOTS, name) ? DOTS[name] : undefined;
  return (async () => {
    try {
      if (!found) throw new Error(`No ${name} here; .help lists what there is.`);
      await found.run(steering, argument);
    } catch (error) {
      steering.outlet.note(error instanceof Error ? error.message : String(error), true);
    }
  })();
}
