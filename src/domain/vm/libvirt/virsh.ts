/** The connection of whoever sits on the host itself. */
export const SYSTEM_URI = 'qemu:///system';

/** What is in `<metadata>` of a domain is pxen's under this name. */
export const NAMESPACE = 'urn:pxen:workload';

/** A `virsh` command as an argv, in English. */
export function virsh(...words: readonly string[]): string[] {
  return ['env', 'LC_ALL=C', 'virsh', '--connect', SYSTEM_URI, ...words];
}

/**
 * What is done with a domain. It is named by its uuid: a name may look like an option or a number. `define` reads the XML
 * from its standard input, and has libvirt compare it with its own schema.
 */
export const DOMAIN = {
  // Programs are often started with a socket for a standard input, which Linux does not let anybody open by name.
  define: () => ['sh', '-c', 'cat | "$@"', 'sh', ...virsh('define', '--validate', '/dev/stdin')],
  defineFile: (path: string) => virsh('define', '--validate', path),
  start: (uuid: string, paused: boolean) => virsh('start', '--domain', uuid, ...(paused ? ['--paused'] : [])),
  state: (uuid: string) => virsh('domstate', '--reason', '--domain', uuid),
  suspend: (uuid: string) => virsh('suspend', '--domain', uuid),
  resume: (uuid: string) => virsh('resume', '--domain', uuid),
  /** By the guest agent where it is in the domain and answers, else by the ACPI power button. */
  shutdown: (uuid: string, byAgent: boolean) =>
    virsh('shutdown', '--domain', uuid, '--mode', byAgent ? 'agent,acpi' : 'acpi'),
  /** SIGTERM first: what QEMU has not written yet it writes. Without the option SIGKILL follows after 15 s. */
  destroy: (uuid: string, graceful: boolean) =>
    virsh('destroy', '--domain', uuid, ...(graceful ? ['--graceful'] : [])),
  /** With all that libvirt keeps of it beside its disks. */
  undefine: (uuid: string) =>
    virsh('undefine', '--domain', uuid, '--managed-save', '--snapshots-metadata', '--nvram'),
  /** Whole seconds, for its answer. */
  askAgent: (uuid: string, command: string, seconds: number) =>
    virsh('qemu-agent-command', '--domain', uuid, '--timeout', `${seconds}`, '--cmd', command),
  /** What `memoryIn` reads. */
  memory: (uuid: string) => virsh('dommemstat', '--domain', uuid),
  setMemory: (uuid: string, bytes: number) =>
    virsh('setmem', '--domain', uuid, '--size', `${Math.ceil(bytes / 1024)}`, '--live'),
  metadata: (uuid: string) => virsh('metadata', '--domain', uuid, '--uri', NAMESPACE),
} as const;

/** Storage, as the names in a workload file have it. */
export const STORAGE = {
  /** Ends with 0 when there is such a volume. */
  volume: (pool: string, volume: string) => virsh('vol-info', '--pool', pool, '--vol', volume),
  deleteVolume: (pool: string, volume: string) => virsh('vol-delete', '--pool', pool, '--vol', volume),
} as const;

/** Bytes that the guest has by the answer to `dommemstat`, which counts KiB. */
export function memoryIn(stats: string): number | undefined {
  const [, actual] = /^actual (\d{1,15})$/m.exec(stats) ?? [];
  return actual === undefined ? undefined : Number(actual) * 1024;
}

/** What libvirt says when there is no such domain (any more). */
export function isNoDomain(stderr: string): boolean {
  return /failed to get domain|Domain not found/i.test(stderr);
}

/** What libvirt says when the agent in a guest does not answer; all else is what the agent itself says. */
export function isAgentSilent(stderr: string): boolean {
  return /not connected|not responding|not available|timed? ?out|did not respond/i.test(stderr);
}

/** The sentence of libvirt in what virsh wrote to its standard error; undefined when it said nothing. */
export function complaintOf(stderr: string): string | undefined {
  const lines = stderr
    .split('\n')
    .map(line => line.trim())
    .filter(line => line.startsWith('error: '))
    .map(line => line.slice('error: '.length));
  // The first one only says what virsh wanted: `Failed to start domain 'web'`.
  return lines.at(-1);
}
