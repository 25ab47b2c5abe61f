import * as z from 'zod';
import { MOST } from '../domain/node/facts.ts';
import { factsSchema, loadSchema } from './facts.ts';
import { contentSchema, machineIdSchema, macSchema, text } from './values.ts';
import { MOST_WORKLOADS, workloadStatusSchema } from './workload-status.ts';

/** Who the agent found itself to be. */
const identity = z.object({
  /** SMBIOS system UUID as the kernel shows it; absent when the machine has none. */
  uuid: z.string().max(64).optional(),
  /** The card the machine booted from: the id hangs on it where the UUID is no use. */
  bootMac: macSchema,
  /** Every physical card. */
  macs: z.array(macSchema).max(MOST.nics),
});

const common = {
  /** Computed by the agent, whatever its configuration says. */
  id: machineIdSchema,
  identity,
  /** /proc/sys/kernel/random/boot_id */
  bootId: z.string().max(64),
};

/** All workloads on the node, in every report; absent: it knows of none. */
const workloads = z.array(workloadStatusSchema).max(MOST_WORKLOADS).optional();

/** Everything: the first report, and whenever host0 asks for it. */
const full = z.object({
  kind: z.literal('full'),
  ...common,
  facts: factsSchema,
  load: loadSchema,
  /** The mark of the overlay that it runs, /etc/pxen/overlay.json. */
  overlay: contentSchema.optional(),
  /** The line of /etc/ssh/ssh_host_ed25519_key.pub. */
  sshHostKey: z.string().max(1024).optional(),
  workloads,
});

/** What changed since the last report that host0 took. */
const heartbeat = z.object({
  kind: z.literal('heartbeat'),
  ...common,
  facts: factsSchema.partial(),
  load: loadSchema,
  workloads,
});

/** The agent refuses to run: its overlay was made for another machine. */
const wrongIdentity = z.object({
  kind: z.literal('wrong-identity'),
  ...common,
  /** The id that the overlay gave it. */
  configured: text,
});

/** Body of `POST /api/v1/report`, with `Authorization: Bearer <token>` where the overlay brought a token. */
export const reportSchema = z.discriminatedUnion('kind', [full, heartbeat, wrongIdentity]);

export type FullReport = z.infer<typeof full>;
export type Heartbeat = z.infer<typeof heartbeat>;
export type WrongIdentity = z.infer<typeof wrongIdentity>;
export type Report = z.infer<typeof reportSchema>;

export const reportAnswerSchema = z.object({
  /** Seconds until the next heartbeat. */
  interval: z.number().min(0.1).max(3600),
  /** host0 does not know this node's facts: send everything next, at once. */
  full: z.boolean(),
});

export type ReportAnswer = z.infer<typeof reportAnswerSchema>;
