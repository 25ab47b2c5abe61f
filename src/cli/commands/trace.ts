import { type NodeDetail, type NodeSummary, nodeDetailSchema } from '../../api/nodes.ts';
import { nodePath } from '../../api/paths.ts';
import { PxenError } from '../../base/error.ts';
import { type Trace, traceOf } from '../../domain/node/trace.ts';
import { type Context, control, unwrap } from '../context.ts';
import { printable } from '../output/table.ts';
import { jsonText, paint } from '../output/terminal.ts';
import { stepLine, waterfall } from '../output/waterfall.ts';
import { findNode, listNodes, matching } from './node.ts';

export interface TraceOptions {
  readonly follow: boolean;
  /** 1 is the latest boot, 2 the one before. */
  readonly boot: number;
}

type Boot = NodeDetail['boots'][number];

/** Between two looks at pxend, milliseconds. */
const POLL = 250;
const DHCP_PATIENCE = 5000;

/** `mesh node trace NODE`: a boot as a waterfall, and in one sentence why it does not go on. */
export async function nodeTrace(context: Context, name: string, options: TraceOptions): Promise<number> {
  if (options.follow) return new Follower(context, name).run();
  const node = await detail(context, findNode(await listNodes(context), name).id);
  const boot = node.boots.at(-options.boot);
  if (!boot) throw noSuchBoot(node, options.boot);
  const trace = traceOf(boot);
  const { diagnosis } = boot;
  if (context.json) context.terminal.json({ node: node.id, name: node.name, trace, diagnosis });
  else printTrace(context, node, boot, trace, options.boot);
  return 0;
}

function printTrace(context: Context, node: NodeDetail, boot: Boot, trace: Trace, number: number): void {
  const { terminal } = context;
  const which = number === 1 ? 'last boot' : `boot ${number} before now`;
  terminal.print(`${title(node)}: ${which}, ${new Date(trace.startedAt).toISOString()}\n`);
  terminal.print(waterfall(trace, terminal, width(context)));
  terminal.print(`\n${verdict(trace)}`);
  if (boot.diagnosis) printDiagnosis(context, boot.diagnosis);
}

function printDiagnosis(context: Context, { sentence, causes, tries }: NonNullable<Boot['diagnosis']>): void {
  const { terminal } = context;
  terminal.print(paint(terminal, 'red', printable(sentence)));
  const more = [
    ...causes.slice(1).map(cause => `  or: ${cause}`),
    ...tries.slice(1).map(attempt => `  try also: ${attempt}`),
  ];
  for (const line of more) terminal.print(printable(line));
}

function verdict({ total }: Trace): string {
  if (total === undefined) return 'The agent has not reported in this boot.';
  return `${(total / 1000).toFixed(1)} s from power-on (first DISCOVER) to the agent.\n# network  . the machine itself`;
}

/** Prints the steps of a boot as they come, until its agent reports. A boot that is over already is not waited for again: the next one is. */
class Follower {
  readonly #context: Context;
  readonly #name: string;
  #boot: number | undefined;
  #printed = 0;
  #told = '';

  constructor(context: Context, name: string) {
    this.#context = context;
    this.#name = name;
  }

  async run(): Promise<number> {
    const id = await this.#whenSeen();
    const over = finished((await detail(this.#context, id)).boots.at(-1));
    if (over !== undefined) this.#note(`${this.#name} is up; waiting for its next boot`);
    for (;;) {
      const node = await detail(this.#context, id);
      const boot = node.boots.at(-1);
      if (boot && boot.startedAt !== over && this.#show(node, boot)) return 0;
      await pause(POLL);
    }
  }

  /** The id, once there is such a node: before its first DISCOVER nobody knows it. */
  async #whenSeen(): Promise<NodeSummary['id']> {
    let waiting = false;
    for (;;) {
      const found = matching(await listNodes(this.#context), this.#name);
      if (found) return found.id;
      if (!waiting) this.#note(`waiting for ${this.#name} to be switched on`);
      waiting = true;
      await pause(POLL);
    }
  }

  /** Prints what is new; true when the agent has reported. The last row may still grow (DHCP), so it is held back until something follows. */
  #show(node: NodeDetail, boot: Boot): boolean {
    const { terminal, json } = this.#context;
    const trace = traceOf(boot);
    if (this.#boot !== boot.startedAt) this.#begin(node, boot);
    const done = trace.total !== undefined || boot.bootId !== undefined;
    const rows = trace.rows.slice(this.#printed, done ? undefined : settled(trace, this.#context.now()));
    this.#printed += rows.length;
    for (const row of rows)
      if (json) terminal.print(jsonText({ node: node.id, boot: boot.startedAt, ...row }));
      else terminal.print(stepLine(row, terminal, width(this.#context)));
    this.#explain(boot, done);
    if (done && !json) terminal.print(verdict(trace));
    return done;
  }

  #begin(node: NodeDetail, boot: Boot): void {
    const again = this.#boot !== undefined;
    this.#boot = boot.startedAt;
    this.#printed = 0;
    this.#told = '';
    const when = new Date(boot.startedAt).toISOString();
    if (!this.#context.json)
      this.#context.terminal.print(`${title(node)}: boot${again ? 's again' : ''}, ${when}`);
  }

  /** Once for each symptom: its sentence also says how long ago, and that changes all the time. */
  #explain({ diagnosis }: Boot, done: boolean): void {
    const { json } = this.#context;
    if (done || !diagnosis || diagnosis.symptom === this.#told) return;
    this.#told = diagnosis.symptom;
    if (json) this.#context.terminal.print(jsonText({ diagnosis }));
    else printDiagnosis(this.#context, diagnosis);
  }

  #note(text: string): void {
    this.#context.terminal.warn(`mesh: ${text} (Ctrl-C ends)`);
  }
}

/** How many rows will not change any more: OVMF takes 3.8 s from the OFFER to its REQUEST. */
function settled({ rows, startedAt }: Trace, now: number): number {
  const last = rows.at(-1);
  const isFresh = last !== undefined && now - startedAt - last.start - last.duration < DHCP_PATIENCE;
  return last?.protocol === 'dhcp' && isFresh ? rows.length - 1 : rows.length;
}

/** When the boot began, if it is over. */
function finished(boot: Boot | undefined): number | undefined {
  const over = boot && (boot.bootId !== undefined || boot.events.some(event => event.stage === 'agent'));
  return over ? boot.startedAt : undefined;
}

function title({ id, name }: NodeDetail): string {
  return name === undefined ? id : `${id} (${name})`;
}

function noSuchBoot({ id, boots }: NodeDetail, wanted: number): PxenError {
  const known = boots.length === 0 ? 'no boot is known' : `${boots.length} are known, 1 being the last`;
  return new PxenError('NOT_FOUND', `${id} has no boot ${wanted}: ${known}`);
}

function width({ terminal }: Context): number {
  return terminal.columns ?? 80;
}

async function detail(context: Context, id: NodeSummary['id']): Promise<NodeDetail> {
  return unwrap(await control(context).get(nodePath(id)), nodeDetailSchema);
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}
