/**
 * The screen, by Ink: it lays the frame out. What it draws goes to nobody but us (`debug`: each picture whole), and the difference to the
 * terminal: Ink's own erases and writes all of the frame for each key.
 */
import { EventEmitter } from 'node:events';
import { Box, render, Text } from 'ink';
import { memo } from 'react';
import type { Dialogue } from './dialogue.js';
import { type Painting, painting } from './painting.js';
import type { Colours } from './palette.js';

interface ScreenProps {
  readonly lines: readonly string[];
  readonly columns: number;
}

const Line = memo(({ text }: { readonly text: string }) => <Text wrap="truncate">{text || ' '}</Text>);

function Screen({ lines, columns }: ScreenProps) {
  return (
    <Box flexDirection="column" width={columns}>
      {lines.map((text, y) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
        <Line key={y} text={text} />
      ))}
    </Box>
  );
}

/** Where Ink writes its pictures. */
class Canvas extends EventEmitter {
  readonly isTTY = false;
  readonly writable = true;
  readonly rows = Number.POSITIVE_INFINITY;
  columns = 80;
  picture = '';

  write(text: string): boolean {
    this.picture = text;
    return true;
  }
}

/** Draws `dialogue` on a terminal until `end` is called. */
export function paintWithInk(
  dialogue: Dialogue,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  colours: Colours,
): Painting {
  const canvas = new Canvas();
  const ink = render(<Screen lines={[]} columns={canvas.columns} />, {
    stdin,
    stdout: canvas as unknown as NodeJS.WriteStream,
    exitOnCtrlC: false,
    patchConsole: false,
    debug: true,
  });
  /** What Ink made of the lines that were there before: each is laid out once, not at every key and every tick of a panel. */
  let known = new Map<string, string>();
  const painted = painting(dialogue, stdout, colours, (lines, columns) => {
    if (columns !== canvas.columns) known = new Map();
    canvas.columns = columns;
    const unknown = [...new Set(lines)].filter((line) => !known.has(line));
    if (unknown.length > 0) {
      ink.rerender(<Screen lines={unknown} columns={columns} />);
      const laidOut = canvas.picture.split('\n');
      for (const [index, line] of unknown.entries()) known.set(line, laidOut[index] ?? '');
    }
    known = new Map(lines.map((line) => [line, known.get(line) ?? '']));
    return lines.map((line) => known.get(line) ?? '');
  });
  return {
    ...painted,
    end() {
      painted.end();
      ink.unmount();
    },
  };
}
