import { ctlLineSchema } from '../../api/ctl.ts';
import { type NodeSummary, nodeDetailSchema, nodeListSchema } from '../../api/nodes.ts';
import { nodePath, PATHS } from '../../api/paths.ts';
import { formatBytes } from '../../base/bytes.ts';
import { nearest } from '../../base/diagnostic.ts';
import { PxenError } from '../../base/error.ts';
import { parseMac } from '../../base/mac.ts';
import { type Context, control, errorOf, understood, unwrap } from '../context.ts';
import { nodeInFull } from '../output/node.ts';
import { age, paintColumn, table } from '../output/table.ts';
import { jsonText, paint } from '../output/terminal.ts';
import { listWorkloads } from './workload/choose.ts';

/** `mesh node info [NODE]` (checklist MH-64). */
export async function nodeInfo(context: Context, name: string | undefined): Promise<number> {
  const nodes = await listNodes(context);
  if (name === undefined) return printList(context, nodes);
  const id = findNode(nodes, name).id;
  const node = unwrap(await control(context).get(nodePath(id)), nodeDetailSchema);
  if (context.json) context.terminal.json(node);
  else {
    const workloads = (await listWorkloads(context)).filter(view => view.node === id);
    context.terminal.print(nodeInFull(context, node, workloads));
  }
  return 0;
}

export interface CtlOptions {
  /** `ALL`, or ids and names separated by commas. */
  readonly node: string;
  readonly timeout: number;
}

/** `mesh node ctl -n NODE|ALL COMMAND`: the exit status is the command's own for one node, else 1 when any failed. */
export async function nodeCtl(context: Context, command: string, options: CtlOptions): Promise<number> {
  const known = await listNodes(context);
  const targets = options.node === 'ALL' ? answering(context, known) : named(known, options.node);
  const printer = new CtlPrinter(context, targets);
  const body = {
    nodes: targets.map(target => target.id),
    command,
    timeoutSeconds: options.timeout,
  };
  const refused = await control(context).postForLines(
    PATHS.ctl,
    body,
    line => printer.line(line),
    (options.timeout + 30) * 1000,
  );
  if (refused) throw errorOf(refused);
  return printer.finish();
}

/** ALL is every node that is there; the ones that were up and are silent now are named, so that nobody believes they obeyed. */
function answering(context: Context, known: readonly NodeSummary[]): NodeSummary[] {
  const there = known.filter(node => node.state === 'up' || node.state === 'unknown');
  const silent = known.filter(node => node.state === 'silent').map(node => node.name ?? node.id);
  if (silent.length > 0) context.terminal.warn(`mesh: left out, silent: ${silent.join(', ')}`);
  if (there.length === 0)
    throw new PxenError('NOT_FOUND', 'no node is up; mesh node info shows what was seen');
  return there;
}

function named(known: readonly NodeSummary[], names: string): NodeSummary[] {
  return [...new Set(names.split(',').map(name => findNode(known, name.trim())))];
}

/** Prints what nodes say as it comes. With several nodes each line carries its node; output of one line never mixes with another's. */
class CtlPrinter {
  readonly #context: Context;
  readonly #names: ReadonlyMap<string, string>;
  readonly #pending = new Map<string, string>();
  readonly #exits: number[] = [];

  constructor(context: Context, targets: readonly NodeSummary[]) {
    this.#context = context;
    this.#names = new Map(targets.map(node => [node.id, node.name ?? node.id]));
  }

  line(value: unknown): void {
    const line = understood(value, ctlLineSchema);
    const { terminal, json } = this.#context;
    if ('exit' in line) this.#exits.push(line.exit ?? 1);
    if ('error' in line) this.#exits.push(1);
    if (json) terminal.print(jsonText(line));
    else if ('data' in line) this.#output(line.node, line.stream, line.data);
    else if ('error' in line) this.#warn(line.node, line.error.message);
    else if (line.signal !== undefined) this.#warn(line.node, `the command was ended by ${line.signal}`);
    else if (line.exit !== 0 && this.#severalNodes()) this.#warn(line.node, `exit status ${line.exit}`);
  }

  finish(): number {
    for (const [key, rest] of this.#pending) this.#write(key, `${rest}\n`);
    if (this.#names.size === 1) return this.#exits[0] ?? 1;
    return this.#exits.length < this.#names.size || this.#exits.some(exit => exit !== 0) ? 1 : 0;
  }

  #severalNodes(): boolean {
    return this.#names.size > 1;
  }

  #warn(node: string, text: string): void {
    this.#context.terminal.warn(`mesh: ${this.#names.get(node) ?? node}: ${text}`);
  }

  #output(node: string, stream: 'stdout' | 'stderr', data: string): void {
    if (!this.#severalNodes()) {
      this.#context.terminal.write(stream, data);
      return;
    }
    const key = `${stream} ${node}`;
    const text = (this.#pending.get(key) ?? '') + data;
    const end = text.lastIndexOf('\n') + 1;
    if (end > 0) this.#write(key, text.slice(0, end));
    if (end < text.length) this.#pending.set(key, text.slice(end));
    else this.#pending.delete(key);
  }

  /** Whole lines, the last one with its line break. */
  #write(key: string, text: string): void {
    const [stream, node = ''] = key.split(' ');
    const label = this.#names.get(node) ?? node;
    const lines = text.slice(0, -1).split('\n');
    this.#context.terminal.write(
      stream === 'stderr' ? 'stderr' : 'stdout',
      lines.map(line => `${label}: ${line}\n`).join(''),
    );
  }
}

export async function listNodes(context: Context): Promise<NodeSummary[]> {
  return unwrap(await control(context).get(PATHS.nodes), nodeListSchema).nodes;
}

export function matching(nodes: readonly NodeSummary[], name: string): NodeSummary | undefined {
  const mac = parseMac(name);
  return (
    nodes.find(node => node.id === name.toLowerCase()) ??
    nodes.find(node => node.name === name) ??
    nodes.find(node => mac !== undefined && node.macs.includes(mac))
  );
}

/** By id, name or one of its cards. Throws NOT_FOUND with the nearest name. */
export function findNode(nodes: readonly NodeSummary[], name: string): NodeSummary {
  const found = matching(nodes, name);
  if (found) return found;
  const near = nearest(
    name,
    nodes.flatMap(node => [node.id, ...(node.name === undefined ? [] : [node.name])]),
  );
  throw new PxenError(
    'NOT_FOUND',
    `no node ${name}${near === undefined ? '; mesh node info lists all' : `; did you mean ${near}?`}`,
  );
}

function printList(context: Context, nodes: readonly NodeSummary[]): number {
  const { terminal } = context;
  if (context.json) terminal.json({ nodes });
  else if (nodes.length === 0)
    terminal.print('No node has been seen yet: switch a machine on that boots from the network.');
  else
    terminal.print(
      coloured(
        context,
        table(
          HEAD,
          nodes.map(node => row(context, node)),
        ),
      ),
    );
  return 0;
}

const HEAD = ['ID', 'NAME', 'STATE', 'ADDRESS', 'CPUS', 'MEMORY', 'KVM', 'OVERLAY', 'SEEN', 'NOTE'];

function row(context: Context, node: NodeSummary): string[] {
  return [
    node.id,
    node.name ?? '-',
    node.state,
    node.address ?? '-',
    node.cpus === undefined ? '-' : String(node.cpus),
    node.memoryKib === undefined ? '-' : formatBytes(node.memoryKib * 1024),
    node.kvm ?? '-',
    node.trust === undefined ? '-' : node.trust === 'token' ? 'own' : 'default',
    age(context.now() - node.lastSeenAt),
    node.problem ??
      node.diagnosis?.sentence ??
      (node.state === 'booting' || node.state === 'stalled' ? `last step: ${node.stage ?? '-'}` : ''),
  ];
}

const COLOURS = { up: 'green', booting: 'yellow', unknown: 'yellow', stalled: 'red', silent: 'red' } as const;

function coloured(context: Context, text: string): string {
  return paintColumn(text, 'STATE', state =>
    paint(context.terminal, COLOURS[state as keyof typeof COLOURS], state),
  );
}
