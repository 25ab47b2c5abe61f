import * as z from 'zod';
import { WORKLOAD_STATES, type WorkloadStatus } from '../domain/workload/status.ts';
import { ENGINES, RATE_UNITS } from '../domain/workload/workload.ts';
import { count } from './values.ts';

/** The most workloads that one node may tell of. */
export const MOST_WORKLOADS = 256;

const path = z.string().max(4096);
/** What can be printed: a node may say any number. */
const bytes = z.number().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** Milliseconds since the epoch that a Date can hold (ECMA-262 21.4.1.1). */
const instant = z.number().nonnegative().max(8.64e15);

export const usageSchema = z.object({
  cpuSeconds: z.number().nonnegative().max(1e12),
  cpuPercent: z.number().nonnegative().max(1e6).optional(),
  memoryBytes: bytes,
  diskReadBytes: bytes.optional(),
  diskWrittenBytes: bytes.optional(),
  networkReceivedBytes: bytes.optional(),
  networkSentBytes: bytes.optional(),
});

/** Percent, microseconds, and bits a second: see Quality of the workload. */
const qualitySchema = z.union([
  z.object({ rate: z.object({ value: count, unit: z.enum(RATE_UNITS) }) }),
  z.object({ loss: z.number().min(0).max(100).optional(), delay: z.number().nonnegative().optional() }),
]);

/** A workload as its node reports it. */
export const workloadStatusSchema = z.object({
  name: z.string().max(256),
  uuid: z.string().max(64),
  state: z.enum(WORKLOAD_STATES),
  since: instant,
  engine: z.enum(ENGINES),
  accel: z.enum(['kvm', 'tcg']).optional(),
  pid: count.optional(),
  console: z.object({
    type: z.enum(['serial-tcp', 'serial-socket', 'vnc']),
    port: count.max(65_535).optional(),
    path: path.optional(),
  }),
  volumes: z.array(z.object({ id: count, path, ephemeral: z.boolean(), bytes: bytes.optional() })).max(64),
  nics: z
    .array(
      z.object({
        id: count,
        mac: z.string().max(17),
        bridge: z.string().max(32).optional(),
        tap: z.string().max(32).optional(),
        qos: qualitySchema.optional(),
      }),
    )
    .max(64),
  takes: z
    .object({
      vcpus: count.max(65_536),
      memory: bytes,
      coschedule: z.number().int().min(-1).max(65_536).optional(),
      group: z.string().max(128).optional(),
    })
    .optional(),
  devices: z
    .array(z.object({ id: count, type: z.string().max(128), address: z.string().max(16) }))
    .max(64)
    .optional(),
  guest: z
    .object({ agent: z.enum(['answers', 'silent']), addresses: z.array(z.string().max(64)).max(64) })
    .optional(),
  guestMemory: bytes.optional(),
  usage: usageSchema.optional(),
  end: z
    .object({
      reason: z.string().max(512),
      exitCode: z.number().int().optional(),
      signal: z.string().max(32).optional(),
      output: z.string().max(4096),
    })
    .optional(),
  problem: z.string().max(512).optional(),
}) satisfies z.ZodType<WorkloadStatus>;
