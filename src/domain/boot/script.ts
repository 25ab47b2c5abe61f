import type { Mac } from '../../base/mac.ts';
import type { MachineId } from '../machine/genid.ts';

/** Where a machine finds things on host0, and how it shall boot. */
export interface ScriptPolicy {
  /** Without a trailing slash: `http://10.77.0.1` or `http://10.77.0.1:8080`. */
  readonly httpBase: string;
  /** `tftp://10.77.0.1`; kernel and initramfs come from here with transport tftp. */
  readonly tftpBase: string;
  readonly transport: 'http' | 'tftp';
  /** Names inside boot/. */
  readonly kernel: string;
  readonly initramfs: string;
  readonly modloop: string;
  /** Kernel consoles, the last one being /dev/console. */
  readonly consoles: readonly string[];
  /** Further kernel arguments, separated by spaces. */
  readonly arguments: string;
}

/** The machine a script is for. */
export interface ScriptMachine {
  readonly id: MachineId;
  readonly mac: Mac;
  /** One-time boot token; opens the machine's own overlay, and nothing else. */
  readonly token?: string | undefined;
}

/** Seconds between two questions of a machine that has to wait until it is known. */
const WAIT_SECONDS = 10;

/**
 * The script that every iPXE gets first. It comes back with what DHCP does not carry: the serial number, the platform,
 * and the MAC of the card that boots (netX: the one opened last).
 */
export function entryScript(policy: ScriptPolicy): string {
  const next =
    policy.transport === 'tftp'
      ? `${policy.tftpBase}/boot.ipxe/\${uuid}/\${netX/mac:hexhyp}`
      : `${policy.httpBase}/boot.ipxe?uuid=\${uuid}&mac=\${netX/mac:hexhyp}&serial=\${serial:uristring}&platform=\${platform}`;
  return lines('#!ipxe', `chain --replace ${next} || goto failed`, ...failure('the boot script'));
}

/** Kernel, initramfs and command line for one machine: Alpine's arguments, which the built-in image takes too (DESIGN section 5). */
export function machineScript(machine: ScriptMachine, policy: ScriptPolicy): string {
  const base = policy.transport === 'tftp' ? policy.tftpBase : policy.httpBase;
  return lines(
    '#!ipxe',
    `echo pxen: machine ${machine.id}`,
    // UEFI hands the initramfs over by name, BIOS ignores the argument.
    `kernel ${base}/boot/${policy.kernel} initrd=${policy.initramfs} ${kernelArguments(machine, policy)} || goto failed`,
    `initrd --name ${policy.initramfs} ${base}/boot/${policy.initramfs} || goto failed`,
    'boot || goto failed',
    ...failure('kernel or initramfs'),
  );
}

/** For a machine that has no folder under /host0/machines, where the policy is to wait for one; `again` is the URL to ask. */
export function waitScript(machine: ScriptMachine, again: string): string {
  return lines(
    '#!ipxe',
    ':again',
    `echo pxen: machine ${machine.id} is unknown; it boots as soon as /host0/machines has a folder with this UUID`,
    `sleep ${WAIT_SECONDS}`,
    `chain --replace ${again} || goto again`,
  );
}

/** Shown on the machine's screen when its identity belongs to another machine too. */
export function refusalScript(machine: ScriptMachine, reason: string): string {
  return lines(
    '#!ipxe',
    `echo pxen: machine ${machine.id} does not boot: ${spoken(reason)}`,
    `sleep ${3 * WAIT_SECONDS}`,
    'reboot',
  );
}

function kernelArguments(machine: ScriptMachine, policy: ScriptPolicy): string {
  return [
    ...policy.consoles.map(name => `console=${name}`),
    'ip=dhcp',
    `BOOTIF=01-${machine.mac.replaceAll(':', '-')}`,
    'modules=loop,squashfs',
    `alpine_repo=${policy.httpBase}/alpine`,
    `modloop=${policy.httpBase}/boot/${policy.modloop}`,
    // Alpine's init wants a path that ends in .gz, and looks at it without the query.
    `apkovl=${policy.httpBase}/apkovl/${machine.id}.apkovl.tar.gz${machine.token === undefined ? '' : `?token=${machine.token}`}`,
    policy.arguments,
  ]
    .filter(argument => argument !== '')
    .join(' ');
}

/** A machine that cannot go on says so and starts over: nobody stands beside it at night. */
function failure(what: string): string[] {
  return [
    ':failed',
    `echo pxen: could not load ${what}, trying again in ${WAIT_SECONDS} s`,
    `sleep ${WAIT_SECONDS}`,
    'reboot',
  ];
}

/** Text for an echo: iPXE would expand ${settings}, and take ; && || and # for the end of the command. */
function spoken(text: string): string {
  return text.replace(/[^\w .,:()/'-]+/g, ' ').slice(0, 200);
}

function lines(...all: string[]): string {
  return `${all.join('\n')}\n`;
}
