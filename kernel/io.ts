/**
 * The io thread: owns the ZeroMQ sockets, so that requests are answered, output streams and interrupts work while main runs a
 * cell. Nothing here waits for main.
 */
import './cache.js';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Reply, Router, XPublisher } from 'zeromq';
import { tellBlow } from '../lib/fate.js';
import { attend } from '../lib/share/attendant.js';
import { Asker } from './ask.js';
import { Comms } from './comms.js';
import { address } from './connection.js';
import { Executions } from './executions.js';
import { History, sessionsFolder } from './history.js';
import { INFO } from './info.js';
import { Interrupter, onSigint } from './interrupt.js';
import { Iopub } from './iopub.js';
import { log, logDying, logTo } from './log.js';
import { Pipes } from './pipes.js';
import { type Answer, requests } from './requests.js';
import { watchSigint } from './sigint.js';
import { SendQueue } from './sockets.js';
import { type IoData, SHARED, type ToIo, type ToMain, weight } from './threads.js';
import { type Json, type Message, Wire } from './wire.js';

/** A subscription's first byte; its topic follows. Ref: ZeroMQ RFC 29 */
const SUBSCRIBES = 1;
/** How long main may take to close its devices before the process is killed, in milliseconds. */
const LAST_CALL = 1500;
/** How often it is seen whether the parent lives, in milliseconds. */
const PARENT_CHECK = 500;

if (parentPort === null) throw new Error('io.js is a worker');
const main = parentPort;
const { connection, shared, compiler, cards, parent, historian } = workerData as IoData;
const wire = new Wire(connection.key, 'kernel');
const tell = (message: ToMain): void => main.postMessage(message);

const shell = new Router({ linger: LAST_CALL });
const control = new Router({ linger: LAST_CALL });
const stdin = new Router({ linger: 0 });
const iopubSocket = new XPublisher({ linger: LAST_CALL, sendHighWaterMark: 0, verbosity: 'allSubs' });
const heartbeat = new Reply({ linger: 0 });
const sockets = { shell, control, stdin, iopub: iopubSocket, hb: heartbeat };

const iopub = new Iopub(wire, new SendQueue(iopubSocket));
const replies = { shell: new SendQueue(shell), control: new SendQueue(control), stdin: new SendQueue(stdin) };
const comms = new Comms(iopub, (event) => tell({ type: 'comm', ...event }));
const history = new History(historian ? sessionsFolder() : undefined);
const executions = new Executions({ iopub, comms, history, tell, reply: (to, content) => reply('shell', to, content) });
const words = new Int32Array(shared);
const interrupter = new Interrupter(
  words,
  () => tell({ type: 'interrupt', cell: executions.running }),
  () => executions.running,
  () =>
    executions.tell(
      'this cell cannot be stopped: it has an async hook (createHook) enabled, under which Node would abort; restart the kernel\n',
    ),
);
const info = (): Json => ({ ...INFO, vfiolab: executions.now });
const answers = requests({ asker: new Asker(compiler), history, comms, info });

// What a cell does with a card that is gone has no meaning any more.
attend(cards, ({ path, blow, at }) => {
  executions.tell(`${path} ${tellBlow(blow, at)}\n`);
  if (executions.running !== undefined) void interrupter.interrupt();
});

function reply(channel: keyof typeof replies, to: Message, content: Json): void {
  const type = to.header.msg_type.replace(/_request$/, '_reply');
  replies[channel].send(wire.encode({ type, content, parent: to.header, idents: to.idents }).frames);
}

/** The question that the front end has not answered: its number on main. */
let question: number | undefined;

function ask({ cell, id, prompt, password }: Extract<ToIo, { type: 'input' }>): void {
  const request = executions.request(cell);
  if (request?.content.allow_stdin !== true) {
    tell({ type: 'input', id, failure: 'this front end takes no input' });
    return;
  }
  iopub.flush();
  const { header, idents } = request;
  const content = { prompt, password };
  const { frames } = wire.encode({ type: 'input_request', content, parent: header, idents });
  question = id;
  replies.stdin.send(frames);
}

function onStdin({ header, content }: Message): void {
  if (header.msg_type === 'input_reply' && question !== undefined) {
    const value = String(content.value ?? '');
    // As other front ends send it where Ctrl-D was typed.
    tell({
      type: 'input',
      id: question,
      ...(value === '\x04' ? { failure: 'the end was typed, no answer' } : { value }),
    });
    question = undefined;
  } else {
    log(`nobody asked for ${header.msg_type}`);
  }
}

/** What must not queue behind cells. */
const urgent: Readonly<Record<string, Answer | undefined>> = {
  kernel_info_request: info,
  interrupt_request: async () => {
    await interrupter.interrupt();
    return { status: 'ok' };
  },
  shutdown_request: ({ header, content }) => {
    const told = { status: 'ok', restart: content.restart === true };
    iopub.publish('shutdown_reply', told, header);
    end();
    return told;
  },
};
/** Older front ends ask for the shutdown on shell. */
const unhurried: typeof urgent = { ...answers, shutdown_request: urgent.shutdown_request };

async function onRequest(channel: 'shell' | 'control', message: Message): Promise<void> {
  const type = message.header.msg_type;
  const answer = (channel === 'shell' ? unhurried : urgent)[type];
  if (!answer) {
    log(`no answer to ${type} on ${channel}`);
    return;
  }
  iopub.status('busy', message.header);
  try {
    const content = await answer(message);
    if (content) reply(channel, message, content);
  } catch (error) {
    const { name, message: evalue } = error as Error;
    reply(channel, message, { status: 'error', ename: name, evalue, traceback: [] });
  }
  iopub.status('idle', message.header);
}

/** Main closes its devices, then says `end`; if it cannot, the process is killed, which closes them too. */
function end(): void {
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), LAST_CALL);
  tell({ type: 'shutdown' });
  void interrupter.interrupt();
}

async function closeSockets(): Promise<void> {
  pipes.close();
  iopub.flush();
  await Promise.race([
    Promise.all([iopub.sent(), replies.shell.flushed(), replies.control.flushed(), history.written()]),
    sleep(LAST_CALL),
  ]);
  for (const socket of Object.values(sockets)) socket.close();
  compiler.close();
  // Timers would keep the thread.
  process.exit();
}

async function read(socket: Router, onMessage: (message: Message) => void | Promise<void>): Promise<void> {
  for await (const frames of socket) {
    let message: Message;
    try {
      message = wire.decode(frames);
    } catch (error) {
      log(`dropped a message: ${(error as Error).message}`);
      continue;
    }
    // Requests are answered as they come, each in its own time; an interrupt does not wait for the one before.
    Promise.resolve(onMessage(message)).catch((error: Error) => log(error.stack ?? error.message));
  }
}

/** A subscription takes effect a moment after the connection: who subscribes is told when it has. */
async function welcome(): Promise<void> {
  for await (const [frame] of iopubSocket) {
    if (frame?.[0] === SUBSCRIBES) iopub.welcome(frame.subarray(1));
  }
}

/** How many of main's messages have been taken. */
let taken = 0;
const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
const pipes = new Pipes(
  words,
  (until) => {
    while (((until - taken) | 0) > 0) {
      const next = receiveMessageOnPort(main) as { message: ToIo } | undefined;
      if (!next) return;
      hear(next.message);
    }
  },
  (name, bytes) => {
    const cell = executions.shown;
    const text = decoders[name].write(Buffer.from(bytes));
    if (name === 'stderr') logDying(text);
    if (cell === undefined || text === '') return;
    executions.output({ type: 'stream', cell, name, text });
  },
);

function onMain(message: ToIo): void {
  if (message.type === 'stream') {
    Atomics.sub(words, SHARED.UNTAKEN, weight(message.text));
    Atomics.notify(words, SHARED.UNTAKEN);
  }
  if (message.type === 'end') void closeSockets();
  else if (message.type === 'comm') comms.publish(message, executions.parent(message.cell));
  else if (message.type === 'input') ask(message);
  else if (message.type === 'pipes') {
    logTo(message.log);
    pipes.open(message);
  } else if (message.type === 'sigint') void interrupter.interrupt();
  else if (message.type === 'done') executions.done(message);
  else executions.output(message);
}

function hear(message: ToIo): void {
  taken = (taken + 1) | 0;
  try {
    onMain(message);
  } catch (error) {
    log((error as Error).stack ?? String(error));
  }
}

main.on('message', hear);

setInterval(() => {
  if (process.ppid === parent) return;
  log('the parent process is gone');
  end();
}, PARENT_CHECK);

await Promise.all([
  shell.bind(address(connection, 'shell')),
  control.bind(address(connection, 'control')),
  stdin.bind(address(connection, 'stdin')),
  iopubSocket.bind(address(connection, 'iopub')),
  heartbeat.bind(address(connection, 'hb')),
]);
tell({ type: 'listening' });
iopub.status('starting', {});
const sigint = (): void => void interrupter.interrupt();
if (!onSigint(sigint) && !watchSigint(sigint)) tell({ type: 'hearSigint' });
void welcome();
void read(shell, (message) =>
  message.header.msg_type === 'execute_request' ? executions.add(message) : onRequest('shell', message),
);
void read(control, (message) => onRequest('control', message));
void read(stdin, onStdin);
for await (const beat of heartbeat) await heartbeat.send(beat);
