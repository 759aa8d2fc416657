/**
 * The palette: how many colours a terminal has, and what each look is in them. Among 16 the terminal's own are taken. With more, the ones
 * that read as well on white as on black (WCAG 2.1 contrast, relative luminance near 0.18), since nobody tells the background.
 */
import type { WriteStream } from 'node:tty';
import { SGR } from '../lib/print.js';
import type { Look } from './line.js';

/** `false`: none, and no attributes either. */
export type Colours = false | 16 | 256 | 'true';

/** SGR parameters. Ref: ECMA-48 8.3.117 */
const OWN: Readonly<Record<Look, string>> = {
  ...SGR,
  error: '31',
  title: '1',
  head: '2',
  prompt: '1;34',
  selected: '7',
  keyword: '35',
  string: '32',
  number: '33',
  comment: '2;3',
  match: '1;4',
  suggestion: '2',
};

/** An attribute to go with it, the colour among 256, and the true one. */
type Rich = readonly [attribute: string, index: number, rgb: readonly [red: number, green: number, blue: number]];

const GREY = [243, [118, 118, 118]] as const;
const RED = [196, [229, 30, 40]] as const;
const GREEN = [28, [27, 136, 27]] as const;
const OCHRE = [130, [172, 100, 0]] as const;

export const RICH: Readonly<Partial<Record<Look, Rich>>> = {
  dim: ['', ...GREY],
  head: ['', ...GREY],
  suggestion: ['', ...GREY],
  comment: ['3;', ...GREY],
  name: ['', 30, [0, 130, 139]],
  good: ['', ...GREEN],
  string: ['', ...GREEN],
  warn: ['', ...OCHRE],
  number: ['', ...OCHRE],
  bad: ['1;', ...RED],
  error: ['', ...RED],
  prompt: ['1;', 63, [71, 102, 255]],
  keyword: ['', 98, [146, 87, 214]],
};

/** A look's SGR parameters; '' where it has none. */
export function sgr(look: Look, colours: Colours): string {
  const rich = RICH[look];
  if (colours === false) return '';
  if (colours === 16 || !rich) return OWN[look];
  const [attribute, index, rgb] = rich;
  return attribute + (colours === 256 ? `38;5;${index}` : `38;2;${rgb.join(';')}`);
}

const FORCED: Readonly<Record<string, Colours>> = { '': 16, 1: 16, true: 16, 2: 256, 3: 'true' };

/**
 * What a terminal can show, by its environment. Ref: no-color.org; FORCE_COLOR as Node has it; COLORTERM as termstandard/colors has it.
 * Node's own guess knows neither screen-256color nor what a tmux is set to.
 */
export function coloursOf(stdout: Pick<WriteStream, 'getColorDepth'>, env: NodeJS.ProcessEnv = process.env): Colours {
  const { FORCE_COLOR, NO_COLOR, TERM = '', COLORTERM = '', TMUX } = env;
  if (FORCE_COLOR !== undefined) return FORCED[FORCE_COLOR] ?? false;
  if (NO_COLOR || TERM === 'dumb') return false;
  // GNU screen hands on what the terminal around it said, and does not know it itself.
  if (/^(?:truecolor|24bit)$/.test(COLORTERM) && (TMUX || !TERM.startsWith('screen'))) return 'true';
  if (/direct|truecolor/.test(TERM)) return 'true';
  if (TERM.includes('256')) return 256;
  return stdout.getColorDepth({ TERM, ...(COLORTERM && { COLORTERM: 'yes' }) }) > 1 ? 16 : false;
}

const STEPS = [0, 95, 135, 175, 215, 255];
const nearest = (steps: readonly number[], value: number): number =>
  steps.reduce(
    (best, step, index) => (Math.abs(step - value) < Math.abs((steps[best] ?? 0) - value) ? index : best),
    0,
  );

/** The nearest of xterm's 256: its cube from 16 on, or its greys from 232 on. */
function among256(red: number, green: number, blue: number): number {
  const grey = Math.max(red, green, blue) - Math.min(red, green, blue) < 12;
  if (grey && red > 4 && red < 246) return 232 + Math.min(23, Math.max(0, Math.round((red - 8) / 10)));
  const [r, g, b] = [red, green, blue].map((value) => nearest(STEPS, value)) as [number, number, number];
  return 16 + 36 * r + 6 * g + b;
}

/** Of the eight colours with a bright one each: its bits are red, green, blue. */
function among16(index: number): number {
  if (index < 16) return index;
  const cube = index - 16;
  const rgb =
    index >= 232
      ? Array(3).fill(8 + 10 * (index - 232))
      : [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((step) => STEPS[step] ?? 0);
  const most = Math.max(...rgb);
  const bits = rgb.reduce((sum, value, bit) => sum | (value > most / 2 && value > 64 ? 1 << bit : 0), 0);
  if (bits === 7 && most < 160) return 8; // dark grey
  return bits + (most > 200 && bits !== 0 ? 8 : 0);
}

/** A sequence of SGR parameters with colours that the terminal has: what a cell printed may be for a richer one. */
export function adapted(parameters: string, colours: Colours): string {
  if (colours === 'true' || !/[34]8[;:]/.test(parameters)) return parameters;
  // `38;5;n`, `38;2;r;g;b`, and with colons, where a colour space may stand before red. Ref: ITU-T T.416, 13.1.8
  return parameters.replace(
    /([34])8(?:[;:]5[;:](\d+)|:2:\d*:(\d+):(\d+):(\d+)|[;:]2[;:](\d+)[;:](\d+)[;:](\d+))/g,
    (_, layer: string, index: string | undefined, ...rgb: (string | undefined)[]) => {
      const [red = 0, green = 0, blue = 0] = rgb
        .slice(0, 6)
        .filter((each) => each !== undefined)
        .map(Number);
      const rich = index === undefined ? among256(red, green, blue) : Number(index);
      if (colours === 256) return `${layer}8;5;${rich}`;
      const plain = among16(rich);
      return String((plain < 8 ? 0 : 60 - 8) + Number(layer) * 10 + plain);
    },
  );
}
