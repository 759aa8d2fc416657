/** What each key of a browser does, as a change of its state; undefined leaves. The help is made of the same table. */
import { Seen } from './bytes.js';
import { Hunt } from './hunt.js';
import { type Change, type Place, RATES, type State, say, target, to } from './state.js';

const WIDTHS = [8, 16, 32, 64] as const;

type Act = (state: State, place: Place) => Change | undefined;

const by =
  (bytes: (state: State, place: Place) => number): Act =>
  (state, place) => {
    const offset = state.cursor + bytes(state, place);
    // A row up or down that is not there is none, not the first or last column.
    return offset < 0 || offset >= state.browsed.size ? {} : to(state, offset, place.top);
  };
const page =
  (by: -1 | 1): Act =>
  (state, { top, body, grid }) => {
    const bytes = body * grid.row;
    const column = state.cursor % grid.row;
    const last = state.browsed.size - grid.row + column;
    const offset = Math.max(column, Math.min(last, state.cursor + by * bytes));
    return to(state, offset, top + by * bytes);
  };
const register =
  (by: -1 | 1): Act =>
  (state, { top }) => {
    const { index, focus } = state;
    const next =
      by > 0 ? index.all.find(({ offset }) => offset > focus) : index.all.findLast(({ offset }) => offset < focus);
    return next ? to(state, next.offset, top) : say(`no register ${by > 0 ? 'further down' : 'further up'}`, 'dim');
  };
const widen =
  (by: -1 | 1): Act =>
  ({ width, focus, turn }) => {
    const next = WIDTHS[(WIDTHS.indexOf(width) + by + WIDTHS.length) % WIDTHS.length] ?? width;
    // Another width may read something else, which is no change of the card's.
    const anew = { width: next, seen: new Seen(), fresh: new Set<number>(), turn: turn + 1, hunt: undefined };
    return { ...anew, cursor: focus - (focus % (next / 8)), ...say(`${next}-bit accesses`, 'dim') };
  };

export function seek(state: State, by: -1 | 1): Change {
  const { needle, focus, browsed } = state;
  return needle
    ? { hunt: Hunt.begin(needle, focus + by, by, browsed.size) }
    : say('/ looks for something first', 'dim');
}

/** One thing at a time is done on the card: while a cell keeps the kernel busy, the one before has not been answered. */
const WAITS = say('still waiting for the kernel');

export function edit(state: State): Change {
  const { browsed, may, deed } = state;
  if (deed) return WAITS;
  const { register } = target(state);
  if (!browsed.writable) return say(`${browsed.path} cannot be written`);
  if (register?.access === 'ro') return say(`${register.name} is read-only`);
  return may ? { typing: { what: 'edit', text: '' } } : { asking: true };
}

/** Everything on the screen is to be read again; `same`: as one look with what was read before. */
export const refresh = ({ turn }: State, same: boolean): Change => ({ fresh: new Set(), turn: turn + 1, same });

interface Command {
  readonly keys: readonly string[];
  /** What stands in the help: the keys as they are called, and what they do. */
  readonly help?: readonly [keys: string, does: string];
  readonly act: Act;
}

const COMMANDS: readonly Command[] = [
  { keys: ['left', 'h', 'C-b'], help: ['arrows hjkl', 'move'], act: by(({ width }) => -width / 8) },
  { keys: ['right', 'l', 'C-f'], act: by(({ width }) => width / 8) },
  { keys: ['up', 'k', 'C-p'], act: by((_, { grid }) => -grid.row) },
  { keys: ['down', 'j', 'C-n'], act: by((_, { grid }) => grid.row) },
  { keys: ['pagedown', ' ', 'f', 'C-v'], help: ['PgDn PgUp', 'a screen on, back'], act: page(1) },
  { keys: ['pageup', 'b', 'M-v'], act: page(-1) },
  {
    keys: ['home', '0', '^', 'C-a'],
    help: ['Home End', 'begin, end of the row'],
    act: (state, { grid, top }) => to(state, state.cursor - (state.cursor % grid.row), top),
  },
  {
    keys: ['end', '$', 'C-e'],
    act: (state, { grid, top }) => {
      return to(state, state.cursor - (state.cursor % grid.row) + grid.row - state.width / 8, top);
    },
  },
  { keys: ['g', 'M-<'], help: ['g G', 'first, last'], act: (state) => to(state, 0, 0) },
  { keys: ['G', 'M->'], act: (state, { top }) => to(state, state.browsed.size, top) },
  {
    keys: [':'],
    help: [':', 'go to 0x20, +8, a register'],
    act: () => ({ typing: { what: 'jump', text: '' } }),
  },
  { keys: ['tab', ']'], help: ['Tab S-Tab', 'next, previous register'], act: register(1) },
  { keys: ['S-tab', '['], act: register(-1) },
  {
    keys: ['/'],
    help: ['/', 'bytes "text", de ad, 0xadde'],
    act: () => ({ typing: { what: 'search', text: '' } }),
  },
  { keys: ['n'], help: ['n N', 'next, previous place of it'], act: (state) => seek(state, 1) },
  { keys: ['N'], act: (state) => seek(state, -1) },
  { keys: ['w'], help: ['w W', 'wider, narrower accesses'], act: widen(1) },
  { keys: ['W'], act: widen(-1) },
  {
    keys: ['e'],
    help: ['e', 'little- or big-endian'],
    act: ({ big }) => ({ big: !big, ...say(big ? 'little-endian' : 'big-endian', 'dim') }),
  },
  {
    keys: ['r', 'C-r'],
    help: ['r', 'read again, mark changes *'],
    act: (state) => ({ ...refresh(state, false), ...say('read again', 'dim') }),
  },
  {
    keys: ['R'],
    help: ['R', 'read every 1 s, .25 s, .1 s'],
    act: ({ rate, seen }) => ({ rate: (rate + 1) % RATES.length, seen: seen.unmarked() }),
  },
  {
    keys: ['m'],
    help: ['m', 'mark changes from here on'],
    act: ({ seen }) => ({ seen: seen.unmarked(), ...say('changes are marked from here on', 'dim') }),
  },
  {
    keys: ['!'],
    help: ['!', 'read what reading changes'],
    act: (state) => {
      const { offset, width } = target(state);
      return state.deed ? WAITS : { deed: { why: 'asked', offset, width } };
    },
  },
  { keys: ['=', 'enter'], help: ['= Enter', 'write: a number or FIELD=1'], act: edit },
  { keys: ['?'], help: ['?', 'this help'], act: () => ({ help: 1 }) },
  { keys: ['q', 'escape', 'C-c', 'C-d'], help: ['q', 'leave'], act: () => undefined },
];

/** Those that touch the card, which nobody answers for any more once it is gone. */
const TOUCHING: ReadonlySet<string> = new Set(['n', 'N', 'r', 'C-r', 'R', '!', '=', 'enter', '/']);

const BY_KEY: ReadonlyMap<string, Act> = new Map(COMMANDS.flatMap(({ keys, act }) => keys.map((key) => [key, act])));

export const HELP: readonly (readonly [keys: string, does: string])[] = COMMANDS.flatMap(({ help }) =>
  help ? [help] : [],
);

/** The change that a key makes; undefined: it leaves. */
export function command(key: string, state: State, place: Place): Change | undefined {
  if (state.over !== undefined && TOUCHING.has(key)) return {};
  const act = BY_KEY.get(key);
  return act ? act(state, place) : {};
}
