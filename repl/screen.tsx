/**
 * The screen, by Ink: the frame, and the transcript above it, which is written once and left to the terminal's scrollback. The transcript
 * goes through useStdout().write and not through <Static>: that lays every line out (0.15 ms each), wraps it for good, and keeps it all.
 */
import { Box, render, Text, useCursor, useStdout } from 'ink';
import { useEffect, useLayoutEffect, useReducer, useSyncExternalStore } from 'react';
import { paint } from './ansi.js';
import type { Dialogue } from './dialogue.js';
import { frame, nextChange } from './frame.js';
import type { Painting } from './sketch.js';
import { entryLines } from './transcript.js';
import type { Size } from './whole.js';

interface ScreenProps {
  readonly dialogue: Dialogue;
  readonly size: Size;
  readonly colours: boolean;
}

function Screen({ dialogue, size, colours }: ScreenProps) {
  const scene = useSyncExternalStore(dialogue.watch, () => dialogue.scene);
  const { write } = useStdout();
  useLayoutEffect(
    () =>
      dialogue.listen((entries) => {
        const lines = entries.flatMap((entry) => entryLines(entry, size.columns));
        write(lines.map((line) => `${paint(line, colours)}\n`).join(''));
      }),
    [dialogue, size.columns, colours, write],
  );

  const now = Date.now();
  const due = nextChange(scene, now);
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    if (due === undefined) return;
    const timer = setTimeout(again, due);
    return () => clearTimeout(timer);
  });

  const { setCursorPosition } = useCursor();
  const { lines, cursor } = frame(scene, size, now);
  setCursorPosition(cursor);
  return (
    <Box flexDirection="column">
      {lines.map((line, y) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line is its place on the screen
        <Text key={y} wrap="truncate">
          {paint(line, colours) || ' '}
        </Text>
      ))}
    </Box>
  );
}

/** Draws `dialogue` on a terminal until `end` is called. */
export function paintWithInk(
  dialogue: Dialogue,
  stdin: NodeJS.ReadStream,
  stdout: NodeJS.WriteStream,
  colours: boolean,
): Painting {
  const screen = () => {
    const size = { columns: stdout.columns, rows: stdout.rows };
    return <Screen dialogue={dialogue} size={size} colours={colours} />;
  };
  // Not incrementalRendering: in Ink 6.8.0 it repeats lines where a frame of several lines ends with a line break.
  const ink = render(screen(), { stdin, stdout, exitOnCtrlC: false, patchConsole: false, maxFps: 1000 });
  const redraw = () => ink.rerender(screen());
  stdout.on('resize', redraw);
  return {
    end() {
      stdout.off('resize', redraw);
      ink.clear();
      ink.unmount();
    },
    clear() {
      ink.clear();
      stdout.write('\x1b[H\x1b[2J');
      redraw();
    },
  };
}
