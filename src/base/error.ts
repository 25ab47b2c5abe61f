/** What a code means to callers: the exit status of a command and the HTTP status of an API answer. */
interface ErrorKind {
  /** Exit status of `mesh` and `pxend` (1: the work failed, 2: the input was wrong, 69: a service is not there, 77: no permission). */
  readonly exit: number;
  readonly http: number;
  /** One line for docs/errors.md. */
  readonly about: string;
}

/** Every code the product can report. Callers test the code, people read the text; docs/errors.md is compared with it by a test. */
export const ERROR_KINDS = {
  ADDRESS_MISSING: {
    exit: 2,
    http: 422,
    about: 'The configured network interface does not exist or has no IPv4 address.',
  },
  AGENT_CONFIG: {
    exit: 2,
    http: 422,
    about: 'The agent could not read the configuration that its overlay brings.',
  },
  AGENT_DOWN: {
    exit: 69,
    http: 502,
    about: 'The agent of a node does not answer, or ended before its answer was complete.',
  },
  BAD_REQUEST: { exit: 2, http: 400, about: 'A request to the API did not have the expected form.' },
  CHECKSUM_MISMATCH: {
    exit: 1,
    http: 502,
    about: 'A downloaded file is not the one that was announced: its SHA-256 differs.',
  },
  CONFIG_INVALID: {
    exit: 2,
    http: 422,
    about: 'The appliance configuration has unknown keys or bad values; all of them are listed.',
  },
  CONFLICT: {
    exit: 1,
    http: 409,
    about:
      'Something is in the way: two machines claim one identity (neither gets the overlay of the other), a name is taken, a node is up.',
  },
  DOWNLOAD_FAILED: { exit: 1, http: 502, about: 'A file could not be fetched, or not to its end.' },
  FILE_MISSING: { exit: 2, http: 404, about: 'A file that is needed does not exist or cannot be read.' },
  FORBIDDEN: {
    exit: 77,
    http: 403,
    about: 'The caller may not have this; an overlay, for example, goes only to its own machine.',
  },
  HOST_KEY_MISMATCH: {
    exit: 1,
    http: 502,
    about: 'A node showed another SSH host key than the one pinned for it.',
  },
  IDENTITY_MISMATCH: {
    exit: 1,
    http: 409,
    about: 'A node computes another machine id than the one its overlay was made for.',
  },
  INTERNAL: {
    exit: 1,
    http: 500,
    about: 'A fault in pxen itself; the log has the details. Please report it.',
  },
  MANIFEST_INVALID: {
    exit: 1,
    http: 422,
    about: 'A machine or group folder has problems; all are listed and the last good overlay stays.',
  },
  NODE_UNREACHABLE: { exit: 1, http: 502, about: 'The node did not answer on SSH.' },
  NOT_FOUND: { exit: 1, http: 404, about: 'No node, overlay or file of that name.' },
  NO_PERMISSION: {
    exit: 77,
    http: 403,
    about: 'The operating system refused: root rights (or a capability) are missing.',
  },
  NO_SPACE: { exit: 1, http: 507, about: 'The file system or the quota has no room for a file.' },
  PLACEMENT_INVALID: {
    exit: 2,
    http: 422,
    about: 'A file of hardware, realms, costs or a snapshot has problems; all of them are listed.',
  },
  PLACEMENT_REFUSED: {
    exit: 1,
    http: 409,
    about: 'No host can take a workload; there is one reason for each.',
  },
  PORT_IN_USE: { exit: 1, http: 500, about: 'Another program already listens on a port that pxend needs.' },
  RATE_LIMITED: {
    exit: 77,
    http: 429,
    about: 'Too many wrong tokens, or too many reports, came from this address; wait a minute.',
  },
  SERVER_DOWN: { exit: 69, http: 503, about: 'pxend does not answer on its control socket.' },
  STATE_UNUSABLE: { exit: 1, http: 500, about: 'The state directory or its database cannot be used.' },
  TIMEOUT: { exit: 1, http: 504, about: 'Something took longer than its time limit.' },
  UNAUTHORIZED: { exit: 77, http: 401, about: 'The credential is missing or wrong.' },
  USAGE: { exit: 2, http: 400, about: 'The command line is wrong: an unknown command, option or value.' },
  WORKLOAD_BUSY: {
    exit: 1,
    http: 409,
    about: 'Another command is changing this workload right now.',
  },
  WORKLOAD_FAILED: {
    exit: 1,
    http: 500,
    about: 'A virtual machine did not start, or did not do what was asked; what its engine said is quoted.',
  },
  WORKLOAD_INVALID: {
    exit: 1,
    http: 422,
    about: 'A workload file has problems, in itself or for its node; all of them are listed.',
  },
  WORKLOAD_STATE: {
    exit: 1,
    http: 409,
    about: 'A workload is not in the state that the command needs: it runs already, or does not run.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_KINDS;

/** The one error type that crosses module borders: a stable code, a sentence for people, and the cause. */
export class PxenError extends Error {
  readonly code: ErrorCode;
  /** Further lines for people, such as one per problem of a file. */
  readonly details: readonly string[];

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: readonly string[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'PxenError';
    this.code = code;
    this.details = options.details ?? [];
  }
}

/** Any thrown value as a PxenError; what is not one already is an internal fault and keeps its cause. */
export function asPxenError(thrown: unknown): PxenError {
  if (thrown instanceof PxenError) return thrown;
  return new PxenError('INTERNAL', messageOf(thrown), { cause: thrown });
}

/** The text of any thrown value. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The code of a system error (`ENOENT`, `EADDRINUSE`, ...), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
