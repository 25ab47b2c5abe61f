import * as z from 'zod';
import type { PxenError } from '../base/error.ts';
import { ACCEL_POLICIES } from '../domain/workload/facts.ts';
import { MAX_WORKLOAD_BYTES } from '../domain/workload/lines.ts';
import { errorBodySchema } from './error.ts';
import { count, pciAddressSchema } from './values.ts';
import { MOST_WORKLOADS, workloadStatusSchema } from './workload-status.ts';

/**
 * What host0 asks of an agent: HTTP/1.1 on a unix socket of the node, mode 0600, reached through the node's sshd
 * (direct-streamlocal). Whoever can connect is root on the node already, so there is no token.
 */
export const AGENT_SOCKET = '/run/pxen/agent.sock';

export const AGENT_PATHS = {
  /** GET: agentListSchema. */
  workloads: '/v1/workloads',
  /** POST agentRunSchema; the answer is an NDJSON stream of agentLineSchema. */
  run: '/v1/run',
  /** GET `?of=log|serial&lines=N&follow=0|1`: text as it is. */
  output: '/v1/workloads/:uuid/output',
  /** GET with `Upgrade: pxen-console`: after 101 the bytes of the serial console, both ways. */
  console: '/v1/workloads/:uuid/console',
  /** POST guestRequestSchema: guestAnswerSchema. */
  guest: '/v1/workloads/:uuid/guest',
} as const;

export const CONSOLE_PROTOCOL = 'pxen-console';
export { MAX_WORKLOAD_BYTES };

export function agentOutputPath(uuid: string): string {
  return AGENT_PATHS.output.replace(':uuid', encodeURIComponent(uuid));
}

export function agentConsolePath(uuid: string): string {
  return AGENT_PATHS.console.replace(':uuid', encodeURIComponent(uuid));
}

export function agentGuestPath(uuid: string): string {
  return AGENT_PATHS.guest.replace(':uuid', encodeURIComponent(uuid));
}

/**
 * What can be done with a workload on a node. `restart` stops and starts with the same configuration; `balloon` tells or
 * changes how much memory its guest has; `replace` gives the running machine another file for a volume, or another bridge for a NIC.
 */
export const VERBS = [
  'download',
  'start',
  'stop',
  'soft-stop',
  'pause',
  'resume',
  'restart',
  'balloon',
  'replace',
] as const;
export type Verb = (typeof VERBS)[number];

const uuid = z.string().min(1).max(64);

/** What some verbs need beside the workload. */
export const verbDetails = {
  /** Of balloon: bytes that the guest shall have; absent: it is only asked. */
  memory: count.optional(),
  /** Of replace, one of the two: `<id>` of `platform.volume.<id>`, or of `network.<id>`. */
  volume: count.optional(),
  nic: count.optional(),
};

export const agentRunSchema = z.object({
  verb: z.enum(VERBS),
  uuid,
  /** Of download, start, restart and replace: the file as it is on host0; the agent judges it anew. */
  config: z.object({ file: z.string().max(4096), text: z.string().max(MAX_WORKLOAD_BYTES) }).optional(),
  /** Of start and restart: the PCI devices of the node that host0 has set aside for it. */
  devices: z
    .array(z.object({ type: z.string().max(128), address: pciAddressSchema }))
    .max(64)
    .default([]),
  /** Of download, start and restart: disks that are made take room when they are written to (realm). Absent: true. */
  lazyAllocation: z.boolean().optional(),
  accel: z.enum(ACCEL_POLICIES).default('kvm'),
  /** uuids of all other workloads of this appliance. */
  otherUuids: z.array(uuid).max(65_536).default([]),
  /** How long the guest may take to shut down, for stop, soft-stop and restart; to give a volume up, for replace. */
  timeoutSeconds: z.number().nonnegative().max(3600).default(20),
  /** Of start: judge and render, change nothing. */
  dryRun: z.boolean().default(false),
  ...verbDetails,
});

export type AgentRun = z.infer<typeof agentRunSchema>;

/** One line of an answer. The last one is `done` or `error`. */
export const agentLineSchema = z.union([
  /** A step that was done, such as `validate` or `spawn`, with one sentence, and how long it took. */
  z.object({ step: z.string(), text: z.string(), milliseconds: z.number().optional() }),
  /** At most four a second for each volume; `total` is absent when the server does not tell. */
  z.object({
    progress: z.object({
      volume: z.number(),
      path: z.string(),
      received: z.number(),
      total: z.number().optional(),
    }),
  }),
  z.object({
    done: z.object({
      /** Absent after a stop, a download and a dry run. */
      status: workloadStatusSchema.optional(),
      /** Of start, whether dry or not. */
      argv: z.array(z.string()).optional(),
    }),
  }),
  z.object({ error: errorBodySchema.shape.error }),
]);

export type AgentLine = z.infer<typeof agentLineSchema>;
export type AgentDone = Extract<AgentLine, { done: unknown }>['done'];
/** A line that is not the last one. */
export type AgentStep = Exclude<AgentLine, { done: unknown } | { error: unknown }>;

/** `refused`: it was not done, and what had been begun was undone. `unsent`: nobody was even asked. */
export type AgentAnswer =
  | { readonly done: AgentDone }
  | { readonly refused: PxenError }
  | { readonly unsent: PxenError };

/** Which text of a workload: its engine's own output, or what the guest printed on its serial console. */
export interface OutputWanted {
  readonly of: 'log' | 'serial';
  /** The last so many lines first. */
  readonly lines: number;
  readonly follow: boolean;
}

export const agentListSchema = z.object({ workloads: z.array(workloadStatusSchema).max(MOST_WORKLOADS) });
