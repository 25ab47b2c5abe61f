import * as z from 'zod';
import { PROBLEM_CODES } from '../domain/workload/problem.ts';
import { agentLineSchema, VERBS, verbDetails } from './agent.ts';
import { costNumberSchema, placementViewSchema } from './placement.ts';
import { machineIdSchema } from './values.ts';
import { workloadStatusSchema } from './workload-status.ts';

const problem = z.object({
  file: z.string(),
  line: z.number().optional(),
  key: z.string(),
  code: z.enum(PROBLEM_CODES),
  got: z.string().optional(),
  expected: z.string(),
  message: z.string(),
});

/** A workload as host0 knows it: its file, where it was started, and what that node said last. Times are milliseconds since the epoch. */
export const workloadViewSchema = z.object({
  name: z.string(),
  uuid: z.string().optional(),
  /** Absent when the file is gone and the workload still runs. */
  file: z.string().optional(),
  problems: z.array(problem),
  /** The node that it was last started on. */
  node: machineIdSchema.optional(),
  nodeName: z.string().optional(),
  /** The host that it holds a place on, as `mesh host list` has it, and what that costs with all that is on it. */
  host: z.string().optional(),
  cost: costNumberSchema.optional(),
  /** What the admin asked for last; absent: it was never started. */
  desired: z.enum(['running', 'stopped']).optional(),
  /**
   * `stopped`: it is not on its node. `lost`: its node is silent, so nobody knows. `returning`: its node came back
   * without it and it is being started again. The rest is what the node says.
   */
  state: z.enum(['starting', 'running', 'paused', 'stopping', 'ended', 'stopped', 'lost', 'returning']),
  status: workloadStatusSchema.optional(),
  /** When `status` was told. */
  reportedAt: z.number().optional(),
  /** The file was changed after the start. */
  changed: z.boolean().optional(),
  /** Why it did not come back on its node, or what else is wrong. */
  problem: z.string().optional(),
});

export type WorkloadView = z.infer<typeof workloadViewSchema>;

/** Answer of `GET /api/v1/workloads`, sorted by name. */
export const workloadListSchema = z.object({ workloads: z.array(workloadViewSchema) });

/** Body of `POST /api/v1/workloads/run`. */
export const workloadRunSchema = z.object({
  verb: z.enum(VERBS),
  /** Names, exactly. */
  workloads: z.array(z.string().min(1).max(256)).min(1).max(4096),
  /**
   * Absent: for a start or download `placement.node` of the file, or where it is already, or the host that placement chooses;
   * for all else where it is.
   */
  node: machineIdSchema.optional(),
  timeoutSeconds: z.number().nonnegative().max(3600).default(20),
  dryRun: z.boolean().default(false),
  ...verbDetails,
});

export type WorkloadRun = z.infer<typeof workloadRunSchema>;

/**
 * One line of the answer, an NDJSON stream: a line of the agent with the workload it is about, or where host0 would put
 * it, which is the first of a dry run. Every workload ends with `done` or `error`.
 */
export const workloadLineSchema = z.intersection(
  z.object({ workload: z.string(), node: machineIdSchema.optional() }),
  z.union([agentLineSchema, z.object({ placement: placementViewSchema })]),
);

export type WorkloadLine = z.infer<typeof workloadLineSchema>;
