import type { Verb } from '../../api/agent.ts';
import type { PlacementView } from '../../api/placement.ts';
import type { WorkloadLine } from '../../api/workloads.ts';
import { formatBytes } from '../../base/bytes.ts';
import { PxenError } from '../../base/error.ts';
import type { ConsoleStatus } from '../../domain/workload/status.ts';
import { commandLine } from '../../io/exec.ts';
import type { Context } from '../context.ts';
import { placementFrom, placementText } from './placement.ts';
import { type Download, progressLine, seen } from './progress.ts';
import { printable } from './table.ts';
import { jsonText, paint, printError, type Terminal } from './terminal.ts';

/** Shows what happens to workloads, line by line. */
export interface RunView {
  line(line: WorkloadLine): void;
  /** The lines are over, or were cut off. */
  end(): void;
}

export interface RunAbout {
  readonly verb: Verb;
  readonly dryRun: boolean;
  /** Bytes that a guest shall have; absent: it was only asked. */
  readonly memory?: number | undefined;
  /** The volume or NIC that was replaced. */
  readonly volume?: number | undefined;
  readonly nic?: number | undefined;
  /** More than one: every line names its workload. */
  readonly several: boolean;
  /** Name of a node, for people. */
  readonly nodeName: (id: string) => string;
}

/** The fitting view: JSON for programs, steps and progress on a terminal, else one line a workload. */
export function runView(context: Context, about: RunAbout): RunView {
  const { json, terminal } = context;
  if (about.dryRun) return new DryRun(context, about);
  if (json) return { line: line => terminal.print(jsonText(line)), end: () => {} };
  if (terminal.columns === undefined) return { line: line => showEnd(terminal, about, line), end: () => {} };
  return new Live(context, about);
}

/** The argv as a line for a shell, so that it can be pasted or piped; where it would run and why stands before it as comments. */
class DryRun implements RunView {
  readonly #context: Context;
  readonly #about: RunAbout;
  /** By workload. */
  readonly #placements = new Map<string, PlacementView>();

  constructor(context: Context, about: RunAbout) {
    this.#context = context;
    this.#about = about;
  }

  line(line: WorkloadLine): void {
    if ('placement' in line) this.#placements.set(line.workload, line.placement);
    else if ('done' in line) this.#end(line, line.done.argv ?? []);
    else if ('error' in line) this.#end(line);
  }

  end(): void {}

  #end(line: WorkloadLine, argv?: readonly string[]): void {
    const { json, terminal } = this.#context;
    const placement = this.#placements.get(line.workload);
    if (json) terminal.print(jsonText(dryRunJson(line, placement, argv)));
    else {
      const heading = placement ? placementText(line.workload, placementFrom(placement)) : line.workload;
      if (placement || (argv && this.#about.several)) terminal.print(asComments(heading));
      if (argv) terminal.print(printable(shellLine(argv)));
      else showEnd(terminal, this.#about, line);
    }
  }
}

function shellLine([program = '', ...words]: readonly string[]): string {
  return commandLine(program, words);
}

function dryRunJson(
  line: WorkloadLine,
  placement: PlacementView | undefined,
  argv: readonly string[] | undefined,
): object {
  const { node, workload } = line;
  const decision = placement && { host: placement.host, reasons: placement.reasons, costs: placement.costs };
  const rest = argv ? { workload, node, argv } : line;
  return { ...rest, ...(decision && { placement: decision }) };
}

function asComments(text: string): string {
  return text
    .split('\n')
    .map(line => printable(`# ${line}`).trimEnd())
    .join('\n');
}

/** Steps as they come; one line below them for all downloads, written over and over. */
class Live implements RunView {
  readonly #context: Context;
  readonly #about: RunAbout;
  /** By workload and volume. */
  readonly #downloads = new Map<string, Download>();
  #progressShown = false;

  constructor(context: Context, about: RunAbout) {
    this.#context = context;
    this.#about = about;
  }

  line(line: WorkloadLine): void {
    if ('progress' in line) {
      this.#progress(line.workload, line.progress);
      return;
    }
    if ('placement' in line) return;
    this.end();
    for (const key of this.#downloads.keys())
      if (key.startsWith(`${line.workload}\n`)) this.#downloads.delete(key);
    if ('step' in line) this.#context.terminal.print(stepLine(line, this.#about));
    else showEnd(this.#context.terminal, this.#about, line);
  }

  end(): void {
    if (this.#progressShown) this.#context.terminal.write('stdout', `\r${CLEAR}`);
    this.#progressShown = false;
  }

  #progress(workload: string, progress: Progress): void {
    const { now, terminal } = this.#context;
    const key = `${workload}\n${progress.volume}`;
    this.#downloads.set(key, seen(this.#downloads.get(key), progress, now()));
    // A terminal whose size nobody set says 0; a line of full width would wrap.
    const text = progressLine([...this.#downloads.values()], now(), (terminal.columns || 80) - 1);
    if (text === undefined) return;
    terminal.write('stdout', `\r${text}${CLEAR}`);
    this.#progressShown = true;
  }
}

/** ECMA-48 EL: from the cursor to the end of the line. */
const CLEAR = '\u001b[K';

type Progress = Extract<WorkloadLine, { progress: unknown }>['progress'];
type Step = Extract<WorkloadLine, { step: unknown }>;

function stepLine({ milliseconds, step, text, workload }: Step, { several }: RunAbout): string {
  const label = several ? `${workload}: ` : '';
  return printable(`${label}${step.padEnd(10)} ${timeText(milliseconds).padStart(8)}  ${text}`);
}

function timeText(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '';
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** How it went with one workload: good news on standard output, the rest on standard error. */
function showEnd(terminal: Terminal, about: RunAbout, line: WorkloadLine): void {
  if ('error' in line) {
    const { code, details, message } = line.error;
    const { workload } = line;
    const saysWhich = message.startsWith(`${workload}: `) || message.startsWith(`${workload} `);
    const text = saysWhich ? message : `${workload}: ${message}`;
    printError(terminal, 'mesh', new PxenError(code, text, { details }));
  } else if ('done' in line) {
    terminal.print(changed(about, line) ?? outcome(terminal, about, line));
    const { problem } = line.done.status ?? {};
    if (problem !== undefined) terminal.warn(printable(`mesh: ${line.workload}: ${problem}`));
    const slow = unfinished(about, line.done.status);
    if (slow !== undefined) terminal.warn(printable(`mesh: ${line.workload}: ${slow}`));
  }
}

const DONE = {
  download: 'downloaded',
  start: 'started',
  stop: 'stopped',
  'soft-stop': 'stopped',
  pause: 'paused',
  resume: 'running',
  restart: 'started',
  balloon: 'running',
  replace: 'running',
} as const satisfies Record<Verb, string>;

function outcome(
  terminal: Terminal,
  { nodeName, verb }: RunAbout,
  { done, node, workload }: Extract<WorkloadLine, { done: unknown }>,
): string {
  const state = done.status?.state ?? DONE[verb];
  const preposition = verb === 'download' && !done.status ? 'to' : 'on';
  const where = node === undefined ? '' : ` ${preposition} ${printable(nodeName(node))}`;
  const asked = verb === 'start' || verb === 'restart';
  const way = asked && done.status ? `, ${consoleText(workload, done.status.console)}` : '';
  const word = state === 'running' ? paint(terminal, 'green', state) : state;
  return `${printable(workload)}: ${word}${where}${printable(way)}`;
}

type Status = Extract<WorkloadLine, { done: unknown }>['done']['status'];

/** What is another one now in a machine that goes on. */
function changed(
  { nic, nodeName, verb, volume }: RunAbout,
  { done: { status }, node, workload }: Extract<WorkloadLine, { done: unknown }>,
): string | undefined {
  const where = node === undefined ? '' : ` on ${nodeName(node)}`;
  const path = status?.volumes.find(({ id }) => id === volume)?.path;
  if (verb === 'replace' && path !== undefined)
    return printable(`${workload}: volume ${volume} is ${path}${where}`);
  const bridge = status?.nics.find(({ id }) => id === nic)?.bridge;
  if (verb === 'replace' && bridge !== undefined)
    return printable(`${workload}: NIC ${nic} is on bridge ${bridge}${where}`);
  if (verb !== 'balloon' || status?.guestMemory === undefined) return undefined;
  const most = status.takes ? ` of ${formatBytes(status.takes.memory)}` : '';
  return printable(`${workload}: the guest has ${formatBytes(status.guestMemory)}${most}${where}`);
}

function unfinished({ memory, verb }: RunAbout, status: Status): string | undefined {
  if (verb !== 'balloon' || memory === undefined || status?.guestMemory === memory) return undefined;
  return `asked for ${formatBytes(memory)}: the guest gets there in its own time, and never without a driver of its balloon`;
}

function consoleText(workload: string, { port, type }: ConsoleStatus): string {
  if (type === 'vnc') return `VNC port ${port}`;
  return type === 'serial-tcp' ? `console port ${port}` : `console: mesh workload console -w ${workload}`;
}
