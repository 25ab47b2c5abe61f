import { CONSOLE_PROTOCOL } from '../../../api/agent.ts';
import { workloadConsolePath } from '../../../api/paths.ts';
import { type Context, control, errorOf } from '../../context.ts';
import { printable } from '../../output/table.ts';
import { chooseOne, listWorkloads } from './choose.ts';
import { type Around, ConsoleSession, type Parting, thisProcess } from './session.ts';

export interface ConsoleOptions {
  readonly workloads: readonly string[];
  /** The byte that leaves, 0 to 31; undefined: none does. */
  readonly escape: number | undefined;
  /** Leaves by itself after so many seconds. */
  readonly seconds?: number | undefined;
}

/** `mesh workload console`: exit status 0 when the user left, 1 when the connection ended, 128+n for a signal. */
export async function workloadConsole(
  context: Context,
  options: ConsoleOptions,
  around: Around = thisProcess(),
): Promise<number> {
  const { terminal } = context;
  const { name, node, nodeName = node } = chooseOne(await listWorkloads(context), options.workloads);
  const connection = await control(context).upgrade(workloadConsolePath(name), CONSOLE_PROTOCOL);
  if ('status' in connection) throw errorOf(connection);
  const leave = around.input.isTTY === true ? options.escape : undefined;
  const way = leave === undefined ? '' : `; escape with ${keyName(leave)}`;
  terminal.warn(printable(`Connected to ${name}${nodeName === undefined ? '' : ` on ${nodeName}`}${way}.`));
  const session = new ConsoleSession(connection, around, { escape: leave, seconds: options.seconds });
  const parting = await session.run();
  // The guest's cursor is somewhere in a line.
  if (around.input.isTTY === true) terminal.warn('');
  terminal.warn(printable(lastWords(name, parting)));
  return exitOf(parting);
}

function lastWords(name: string, { by, cause }: Parting): string {
  if (by === 'user' || by === 'time') return `Left the console of ${name}.`;
  if (by !== 'connection') return `mesh: ended by ${by}; the console of ${name} is left`;
  const why = cause === undefined ? '' : ` (${cause})`;
  return `mesh: the connection to ${name} ended${why}: its virtual machine is gone, or the way to it; see: mesh workload status -w ${name}`;
}

function exitOf({ by }: Parting): number {
  if (by === 'user' || by === 'time') return 0;
  return by === 'connection' ? 1 : 128 + SIGNAL_NUMBERS[by];
}

/** As a shell reports them. */
const SIGNAL_NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 } as const;

/** `^]` and the like as a byte; undefined for what is none. */
export function controlByte(notation: string): number | undefined {
  return /^\^[@-_a-z]$/.test(notation) ? notation.toUpperCase().charCodeAt(1) & 0x1f : undefined;
}

function keyName(byte: number): string {
  return `ctrl-${String.fromCharCode(byte | 0x40)}`;
}
