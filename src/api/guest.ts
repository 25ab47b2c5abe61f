import * as z from 'zod';

/** Most bytes of a file or of an output that go through a guest agent at once. */
export const MOST_GUEST_BYTES = 4 * 1024 * 1024;

/** A whole request: content as base64, and what else it has. */
export const MAX_GUEST_REQUEST_BYTES = 2 * MOST_GUEST_BYTES;

/** A path in the guest, in the words of its own system. */
const path = z.string().min(1).max(4096);
/** Base64, as the guest agent has it. */
const content = z.base64().max(Math.ceil(MOST_GUEST_BYTES / 3) * 4);

/** What is asked of the QEMU guest agent of a workload with `runtime.qga` (FW-21, FW-23). */
export const guestRequestSchema = z.discriminatedUnion('ask', [
  z.object({ ask: z.literal('ping') }),
  /** Addresses and, where its agent knows, host name and operating system. */
  z.object({ ask: z.literal('info') }),
  /** Waits for its end, at most so long. */
  z.object({
    ask: z.literal('exec'),
    path,
    args: z.array(z.string().max(65_536)).max(1024).default([]),
    env: z.array(z.string().max(4096)).max(256).default([]),
    input: content.optional(),
    timeoutSeconds: z.number().positive().max(3600).default(60),
  }),
  /** From `offset` bytes on; a long file comes in several answers. */
  z.object({ ask: z.literal('read'), path, offset: z.number().int().nonnegative().default(0) }),
  z.object({ ask: z.literal('write'), path, content, append: z.boolean().default(false) }),
]);

export type GuestRequest = z.infer<typeof guestRequestSchema>;

export const guestAnswerSchema = z.object({
  /** Of ping and info. */
  version: z.string().max(64).optional(),
  hostName: z.string().max(256).optional(),
  os: z.string().max(256).optional(),
  interfaces: z
    .array(
      z.object({
        name: z.string().max(64),
        mac: z.string().max(32).optional(),
        addresses: z.array(z.string().max(64)).max(64),
      }),
    )
    .max(64)
    .optional(),
  /** Of exec: one of the two, or neither when it has not ended in time. */
  exitCode: z.number().int().optional(),
  signal: z.number().int().optional(),
  output: content.optional(),
  errors: content.optional(),
  /** The output was longer than what is kept; of read, that the file goes on. */
  truncated: z.boolean().optional(),
  /** Of read. */
  content: content.optional(),
  /** Of write: bytes. */
  written: z.number().int().nonnegative().optional(),
});

export type GuestAnswer = z.infer<typeof guestAnswerSchema>;
