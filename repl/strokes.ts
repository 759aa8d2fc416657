/**
 * Strokes: the frame on the terminal's last lines is changed by as little as can be written. Only lines that differ are written, and none
 * is erased that is drawn again, so that nothing flickers, also where the terminal draws while it reads.
 */
import { stripVTControlCharacters } from 'node:util';
import { columns } from './line.js';

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** As much of a terminal as is written to. */
export interface Surface {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
}

/** Terminals that know it show what is between as one. Ref: contour-terminal "Synchronized Output", DEC mode 2026. */
const TOGETHER = ['\x1b[?2026h', '\x1b[?2026l'] as const;
const CURSOR = ['\x1b[?25l', '\x1b[?25h'] as const;
/** To the line's end. After a full line it would take its last character. */
const ERASE_REST = '\x1b[K';
const ERASE_LINE = '\r\x1b[2K';

/** Of the frame nothing wraps, also where the terminal is narrower by now than we have heard. Ref: xterm, DECAWM */
const WRAP = ['\x1b[?7l', '\x1b[?7h'] as const;

/** Columns of a painted text. */
const width = (text: string): number => columns(text.includes('\x1b') ? stripVTControlCharacters(text) : text);

export class Strokes {
  readonly #surface: Surface;
  /** What stands there; undefined: nobody knows. */
  #lines: readonly (string | undefined)[] = [''];
  /** Where the cursor is among them. */
  #cursor: Place = { x: 0, y: 0 };
  /** The terminal's size when that was drawn. */
  #columns: number;
  #rows: number;

  /** The cursor is at the beginning of an empty line. */
  constructor(surface: Surface) {
    this.#surface = surface;
    this.#columns = surface.columns;
    this.#rows = surface.rows;
  }

  /** Shows `lines`, none of them wider than the terminal, with the cursor there; `said` stands above them for good. */
  draw(lines: readonly string[], cursor: Place, said: readonly string[] = []): void {
    const anew = this.#settle();
    const frame = lines.length === 0 ? [''] : lines;
    const room = this.#surface.columns;
    // What the terminal wraps takes lines that are not counted here.
    const counted = said.every((text) => !text.includes('\t') && width(text) <= room);
    const strokes = new Stroke(this.#cursor.y, room);
    if (anew) strokes.clear();
    if (!counted) {
      strokes.replace(this.#lines, ['']);
      strokes.text += '\r';
      this.#lines = [''];
      for (const text of said) strokes.text += `${text}\r\n`;
    }
    const above = counted ? said : [];
    strokes.replace(this.#lines, [...above, ...frame], above.length);
    const moved = cursor.x !== this.#cursor.x || cursor.y !== this.#cursor.y || said.length > 0;
    const near = strokes.touched.every((row) => row === this.#cursor.y);
    const changed = strokes.text !== '';
    strokes.go(above.length + cursor.y);
    if (changed || moved) strokes.text += `\r${cursor.x > 0 ? `\x1b[${cursor.x}C` : ''}`;
    this.#lines = frame;
    this.#cursor = cursor;
    if (strokes.text === '') return;
    this.#surface.write(
      near && counted ? strokes.text : `${TOGETHER[0]}${CURSOR[0]}${strokes.text}${CURSOR[1]}${TOGETHER[1]}`,
    );
  }

  /** Takes all away. */
  erase(): void {
    this.draw([''], { x: 0, y: 0 });
  }

  /** Somebody has emptied the screen, and put the cursor at its beginning. */
  restart(): void {
    this.#lines = [''];
    this.#cursor = { x: 0, y: 0 };
    this.#columns = this.#surface.columns;
    this.#rows = this.#surface.rows;
  }

  /**
   * A terminal that has another width has wrapped what is wider than that, as nearly all of them do, and the cursor is still in its place.
   * One that is lower has taken lines away above the cursor or below it: those below are made anew.
   */
  #settle(): boolean {
    const { columns, rows } = this.#surface;
    if (columns === this.#columns && rows === this.#rows) return false;
    this.#columns = columns;
    this.#rows = rows;
    const { x, y } = this.#cursor;
    const heights = this.#lines.slice(0, y).map((text) => Math.max(1, Math.ceil(width(text ?? '') / columns)));
    const above = Math.min(rows - 1, heights.reduce((total, each) => total + each, 0) + Math.floor(x / columns));
    this.#cursor = { x, y: above };
    this.#lines = Array.from({ length: above + 1 }, () => undefined);
    return true;
  }
}

/** What is to be written, and the line that the cursor is on by then. */
class Stroke {
  text = '';
  readonly touched: number[] = [];
  #row: number;
  readonly #room: number;

  constructor(row: number, room: number) {
    this.#row = row;
    this.#room = room;
  }

  /**
   * All from the first line on: what was drawn before the new width was known may have been wrapped, too. Behind a blank, as what tmux
   * erases from the screen's first place on it keeps in its scrollback.
   */
  clear(): void {
    this.go(0);
    this.text += '\r \x1b[J';
  }

  go(row: number): void {
    const by = row - this.#row;
    // Down by line feeds: where a terminal that is lower by now has taken that line away, it is there again.
    if (by !== 0) this.text += by < 0 ? `\x1b[${-by}A` : '\n'.repeat(by);
    this.#row = row;
  }

  /** @param wrapped so many of the first lines may wrap */
  replace(old: readonly (string | undefined)[], lines: readonly string[], wrapped = 0): void {
    lines.forEach((line, row) => {
      if (old[row] === line && row < old.length) return;
      this.touched.push(row);
      if (row < old.length) this.go(row);
      else {
        this.go(row - 1);
        this.text += '\n';
        this.#row = row;
      }
      const [off, on] = row < wrapped || line === '' ? ['', ''] : WRAP;
      this.text += `\r${off}${line}${on}${width(line) < this.#room ? ERASE_REST : ''}`;
    });
    for (let row = lines.length; row < old.length; row++) {
      this.touched.push(row);
      this.go(row);
      this.text += ERASE_LINE;
    }
    this.go(Math.min(this.#row, lines.length - 1));
  }
}
