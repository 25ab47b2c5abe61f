import * as z from 'zod';
import { errorBodySchema } from './error.ts';
import { machineIdSchema } from './values.ts';

/** Body of `POST /api/v1/nodes/ctl`: run a shell command on nodes, as root. */
export const ctlRequestSchema = z.object({
  nodes: z.union([z.literal('ALL'), z.array(machineIdSchema).min(1).max(4096)]),
  command: z.string().min(1).max(32_768),
  /** For each node, connecting included. */
  timeoutSeconds: z.number().positive().max(86_400).default(60),
});

export type CtlRequest = z.infer<typeof ctlRequestSchema>;

/** One line of the answer, an NDJSON stream. Every node ends with exactly one `exit` or `error` line. */
export const ctlLineSchema = z.union([
  /** Output as it comes; pieces need not end with a line break, but never in the middle of a character. */
  z.object({ node: machineIdSchema, stream: z.enum(['stdout', 'stderr']), data: z.string() }),
  /** `exit` is null when a signal ended the command. */
  z.object({ node: machineIdSchema, exit: z.number().int().nullable(), signal: z.string().optional() }),
  z.object({ node: machineIdSchema, error: errorBodySchema.shape.error }),
]);

export type CtlLine = z.infer<typeof ctlLineSchema>;
