/** What `.help` shows: the keys and the dot-commands of the prompt, as a View. */
import type { Cell, ViewData } from '../lib/view.js';

const KEYS: readonly (readonly [string, string])[] = [
  ['Enter', 'run the cell; go on to a new line where it is incomplete'],
  ['Alt-Enter', 'a new line'],
  ['Tab', 'complete; again: the next match'],
  ['Up, Down', 'history (cells that begin with what is typed)'],
  ['Ctrl-C', 'stop the cell; clear the line'],
  ['Ctrl-D', 'leave, closing the card'],
  ['Ctrl-A/E/B/F, Alt-B/F', 'move'],
  ['Ctrl-W/U/K, Alt-D, Ctrl-Y', 'cut, and paste it back'],
  ['Ctrl-L', 'clear the screen'],
  ['.help', 'this'],
  ['.exit', 'as Ctrl-D'],
];

export const HELP: ViewData = {
  title: 'Keys',
  head: [],
  rows: KEYS.map(([key, what]): Cell[] => [{ text: key, tone: 'name' }, { text: what }]),
};
