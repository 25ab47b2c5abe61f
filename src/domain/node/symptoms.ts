import { formatBytes } from '../../base/bytes.ts';
import { quote } from '../../base/diagnostic.ts';
import type { Boot } from './boots.ts';
import { furthest, MILESTONE_NAMES, type Milestone } from './milestones.ts';
import type { BootEvent, Fault } from './timeline.ts';

/** What the appliance knows of itself that decides between causes. */
export interface ApplianceFacts {
  /** Another server gives the addresses; pxend only adds what to boot. */
  readonly proxy: boolean;
}

/** A boot, prepared for the table. */
export interface View {
  readonly boot: Boot;
  /** The furthest step. */
  readonly step: Milestone | undefined;
  readonly stepAt: number;
  /** The last event, when it is a problem or a refusal: nothing went on after it. */
  readonly problem: BootEvent | undefined;
  /** Nothing new was heard for a while. */
  readonly stalled: boolean;
  /** The next boot has begun. */
  readonly ended: boolean;
  /** Milliseconds since a node that was up has been heard. */
  readonly silentFor: number | undefined;
  readonly now: number;
  readonly facts: ApplianceFacts;
  /** This boot and those right before it that never got to an agent. */
  readonly unfinished: readonly Boot[];
}

/** A known way for a boot to go wrong. The texts are also docs/troubleshooting.md. */
export interface Symptom {
  readonly id: string;
  /** What host0 sees, for the headline. */
  readonly title: string;
  /** What a person sees on the machine's own screen. */
  readonly screen: string;
  readonly fits: (view: View) => boolean;
  /** What was seen, after "The last step was the kernel, 95 s ago:". */
  readonly says: (view: View) => string;
  /** Each goes after "most likely"; likeliest first. */
  readonly causes: readonly [string, ...string[]];
  /** Each is a sentence in the imperative, without its full stop. */
  readonly tries: readonly [string, ...string[]];
}

/** The first one that fits counts: what was refused or broke off comes before what merely did not happen. */
export const SYMPTOMS: readonly Symptom[] = [
  {
    id: 'agent-silent',
    title: 'A node that was up reports no more',
    screen: 'A login prompt, a kernel panic, or nothing at all.',
    fits: view => view.silentFor !== undefined,
    says: () => 'a node that was up does not report any more',
    causes: [
      'the machine was switched off, hangs, or lost its network',
      'the agent ended and its supervisor does not bring it back',
      'the address or port of host0 changed after the node booted',
    ],
    tries: [
      'look whether it answers to mesh node ctl -n NODE uptime, then at its console, then power it on again',
      'on the node: rc-service pxen-agent status, and tail /var/log/pxen-agent.log',
    ],
  },
  {
    id: 'id-conflict',
    title: 'Two machines claim one id',
    screen: 'iPXE: `pxen: machine ID does not boot: 2 machines go by id ...`, then it reboots.',
    fits: view => faultIs(view, 'conflict'),
    says: view => problemText(view),
    causes: [
      'two machines have the same SMBIOS UUID (boards of one batch, or a copied virtual machine)',
      'a network card moved from one machine to another within the last ten minutes',
    ],
    tries: [
      'give one of them another UUID (vendor tool; virsh edit, qemu -uuid), or switch one off for ten minutes',
      'compare the cards of both: mesh node info ID',
    ],
  },
  {
    id: 'id-mismatch',
    title: 'The places that compute the id disagree',
    screen:
      'init: `pxen-init: IDENTITY MISMATCH: this machine is A, the boot script gave it the overlay of B`, again and again.',
    fits: view => faultIs(view, 'mismatch'),
    says: view => problemText(view),
    causes: [
      'the firmware tells iPXE another UUID than the kernel (a BIOS bug with the byte order, or a UUID set after power-on)',
      'the overlay was copied by hand from another machine',
    ],
    tries: [
      'compare "id according to" in mesh node info ID, update the BIOS, and give /host0/machines/<name>/UUID the id that init says',
    ],
  },
  {
    id: 'no-free-address',
    title: 'No free address in the pool',
    screen:
      '`PXE-E51: No DHCP or proxyDHCP offers were received`, `PXE-E16: No valid offer received`, iPXE: `No configuration methods succeeded`.',
    fits: view => faultIs(view, 'pool'),
    says: view => problemText(view),
    causes: [
      'there are more machines than addresses',
      'leases of machines that are gone have not run out yet',
      'somebody floods the network with DHCP requests',
    ],
    tries: ['widen dhcp.pool, or shorten dhcp.leaseTime; mesh system status shows how many are in use'],
  },
  {
    id: 'address-refused',
    title: 'The machine was refused the address it wanted',
    screen: 'The firmware or iPXE starts over with DHCP, or gives up with `PXE-E51`.',
    fits: view => faultIs(view, 'nak'),
    says: view => problemText(view),
    causes: [
      'it remembers an address of another network or of another DHCP server',
      'the pool was changed while it held a lease',
    ],
    tries: [
      'power it off and on: it then asks for any address; look for other DHCP servers with mesh system doctor',
    ],
  },
  {
    id: 'address-in-use',
    title: 'The machine found its address taken',
    screen: 'DHCP starts over; some firmware prints `IP address conflict`.',
    fits: view => faultIs(view, 'in-use'),
    says: view => problemText(view),
    causes: [
      'a device with a fixed address sits inside of dhcp.pool',
      'two DHCP servers give out the same range',
    ],
    tries: ['find it with ip neigh and give it an address outside of dhcp.pool; run mesh system doctor'],
  },
  {
    id: 'other-dhcp-server',
    title: 'The machine took the offer of another DHCP server',
    screen:
      '`PXE-E53: No boot filename received`, `PXE-E52`, `PXE-M0F: Exiting PXE ROM`; or it boots what the other server names.',
    fits: view => faultIs(view, 'other-server'),
    says: view => problemText(view),
    causes: [
      'a second DHCP server is on this network and was faster',
      'the machine has booted with that server before and prefers it',
    ],
    tries: [
      'switch that server off, separate the networks, or set dhcp.mode: proxy so that pxend only says what to boot; mesh system doctor names all servers',
    ],
  },
  {
    id: 'nbp-refused',
    title: 'The boot program was refused',
    screen:
      '`PXE-T01: File not found`, `PXE-E3B: TFTP Error - File Not Found`, UEFI: `PXE-E23: Client received TFTP error from server`.',
    fits: view => problemOf(view, ['nbp'], REFUSED),
    says: view => problemText(view),
    causes: [
      'the boot program is not in /srv/pxen/tftp',
      'the file is there, but pxend may not read it, or it is a link that leaves the folder',
      'the firmware asks for a file by an old name that another DHCP server told it',
    ],
    tries: [
      'run scripts/build-image, which puts undionly.kpxe and snponly.efi in place; mesh system doctor checks them',
    ],
  },
  {
    id: 'nbp-aborted',
    title: 'The boot program broke off on its way',
    screen:
      '`PXE-E35: TFTP read timeout`, `PXE-E32: TFTP open timeout`, `PXE-E79: NBP is too big to fit in free base memory`, UEFI: `PXE-E18: Server response timeout`, `PXE-E05`.',
    fits: view => problemOf(view, ['nbp'], ['aborted']),
    says: view => brokeOff(view),
    causes: [
      'packets get lost: a bad cable, a duplex mismatch, or an MTU below 1500 on the way',
      'a firewall lets the request to port 69 through and stops the transfer, which uses a port of its own',
      'the machine was switched off, or the program is too big for its ROM',
    ],
    tries: [
      'look at the retransmissions in mesh node trace, try another cable and switch port, and allow UDP from host0 on every port',
      'mesh node pcap ID -o boot.pcapng shows who stopped talking',
    ],
  },
  {
    id: 'boot-file-missing',
    title: 'Kernel, initramfs or root image is not there',
    screen:
      'iPXE: `No such file or directory`, `pxen: could not load kernel or initramfs, trying again in 10 s`; init: `pxen-init: root file system ...: server returned error: HTTP/1.1 404 Not Found`.',
    fits: view => problemOf(view, BOOT_FILES, REFUSED),
    says: view => `${stepName(view)} was refused: ${problemText(view)}`,
    causes: [
      'the file is not in /srv/pxen/http/boot, or boot.kernel, boot.initramfs or boot.modloop names another one',
      'pxend may not read the file',
    ],
    tries: [
      'run scripts/build-image, or correct the name in /etc/pxen/pxen.yaml; mesh system doctor lists what is missing',
      'ls -l /srv/pxen/http/boot: files must be readable and must not be links out of /srv/pxen',
    ],
  },
  {
    id: 'boot-file-aborted',
    title: 'A download broke off',
    screen:
      'iPXE: `Connection reset`, `Connection timed out`, a progress that stands still; init: `pxen-init: root file system ..., try 2 of 60`.',
    fits: view => problemOf(view, [...BOOT_FILES, 'overlay'], ['aborted']),
    says: view => brokeOff(view),
    causes: [
      'the machine was switched off or reset in the middle of it',
      'the machine has too little memory for the file',
      'packets get lost: a bad cable, a duplex mismatch, or a switch under load',
      'the file was replaced while it was being sent',
    ],
    tries: [
      'give the machine more memory (512 MiB are enough for the built-in image) and try another cable and switch port',
      'replace boot files by renaming a new one over the old one, never by writing into it',
    ],
  },
  {
    id: 'overlay-refused',
    title: 'The overlay was refused (403)',
    screen:
      'init: `pxen-init: overlay ...: server returned error: HTTP/1.1 403 Forbidden, try 3`, again and again.',
    fits: view => problemOf(view, ['overlay'], ['forbidden', 'unreadable', 'missing']),
    says: view => problemText(view),
    causes: [
      'the machine has another address than the one leased to it, or the lease of another card',
      'its boot token was used before, or is from an earlier boot',
      'the overlay cannot be read on host0',
    ],
    tries: [
      'reboot the machine, so that it gets a fresh address, script and token; then compare address and id in mesh node info ID',
    ],
  },
  {
    id: 'waits-for-folder',
    title: 'The machine waits until somebody makes a folder for it (404)',
    screen:
      'iPXE: `pxen: machine ID is unknown; it boots as soon as /host0/machines has a folder with this UUID`; init: `... 404 Not Found, try 3`.',
    fits: view => faultIs(view, 'waits'),
    says: () => 'the machine has no folder under /host0/machines, and boot.unknown is wait',
    causes: [
      'nobody has adopted it yet',
      'its folder has problems and was never built',
      'its UUID file has a typo',
    ],
    tries: [
      'make the folder /host0/machines/NAME with the id in its file UUID, then run mesh system configure',
      'set boot.unknown: default to boot strangers on the default overlay',
    ],
  },
  {
    id: 'report-refused',
    title: "The agent's report was refused",
    screen: 'Nothing; /var/log/pxen-agent.log on the node says why.',
    fits: view => faultIs(view, 'report'),
    says: view => problemText(view),
    causes: [
      'the node booted before its overlay existed, or with an older one',
      'the keys of the machine were made anew on host0 after it booted',
      'the node reports from another address than the one leased to it',
    ],
    tries: ['reboot the node, so that it gets its present overlay'],
  },
  {
    id: 'secure-boot',
    title: 'The boot program is fetched again and again and never starts',
    screen:
      '`Access Denied`, `Security Violation`, `Secure Boot Violation: Invalid signature detected`, or the boot menu flashes by.',
    fits: view => efiFetches(view) > (view.stalled ? 1 : 2),
    says: view => `snponly.efi was loaded ${efiFetches(view)} times and never asked for an address`,
    causes: [
      'Secure Boot is on, and iPXE is not signed with a key of the machine',
      'the boot program is for another architecture (32-bit UEFI, or ARM)',
    ],
    tries: [
      'switch Secure Boot off in the firmware setup',
      'or sign snponly.efi with a key that is enrolled in the machine (sbsign)',
    ],
  },
  {
    id: 'boot-loop',
    title: 'The machine boots again and again',
    screen: 'The same messages come round and round.',
    fits: view => view.unfinished.length > 2,
    says: view =>
      `${view.unfinished.length} boots in a row and no agent; the one before ended after ${endOf(view.unfinished.at(-2))}`,
    causes: [
      'the machine resets in the middle: a watchdog, too little memory, a kernel panic with panic= on the command line',
      'boot script or init give up and reboot to try again',
    ],
    tries: [
      'look at the earlier boots with mesh node trace ID --boot 2, and watch the console of the machine',
      'add pxen_shell to boot.arguments: init then opens a shell where it would reboot',
    ],
  },
  {
    id: 'no-offer',
    title: 'DISCOVER, but no offer',
    screen:
      '`PXE-E51: No DHCP or proxyDHCP offers were received`, `PXE-E53: No boot filename received`, UEFI: `PXE-E16: No valid offer received`.',
    fits: view => stalledAt(view, 'fw-discover', 'ipxe-discover'),
    says: view =>
      `pxend heard the machine and made it no offer${view.problem ? ` (${problemText(view)})` : ''}`,
    causes: [
      'the request came over a relay whose network is not one that pxend serves',
      'pxend has no boot program for this architecture',
      'leases cannot be written, because the disk is full',
    ],
    tries: ['look at mesh system status for problems and at the log of pxend with log.level: debug'],
  },
  {
    id: 'no-request',
    title: 'Offered, but the machine never takes it',
    screen:
      '`PXE-E16: No valid offer received`, `PXE-E51`, `PXE-E52: proxyDHCP offers were received. No DHCP offers were received`, `PXE-E61: Media test failure, check cable`; or it boots something else.',
    fits: view => !view.facts.proxy && stalledAt(view, 'fw-offer', 'ipxe-offer'),
    says: view => `${offers(view)} went out and the machine never took the address`,
    causes: [
      'another DHCP server answered it first',
      'the answer does not reach it: the wrong VLAN, a switch port still in spanning tree listening, a half-broken cable',
      'the firmware found the offer unfit for its way of booting',
    ],
    tries: [
      'run mesh system doctor, which looks for other DHCP servers, then check cable, VLAN and portfast; beside a server that must stay, set dhcp.mode: proxy',
    ],
  },
  {
    id: 'no-nbp',
    title: 'The machine has an address, but does not fetch its boot program',
    screen:
      '`PXE-E32: TFTP open timeout`, `PXE-E11: ARP timeout`, `PXE-E53: No boot filename received`, UEFI: `PXE-E18: Server response timeout`.',
    fits: view => stalledAt(view, 'fw-ack') || (view.facts.proxy && stalledAt(view, 'fw-offer')),
    says: () => 'no request for the boot program came',
    causes: [
      'a firewall on host0 or a switch stops TFTP (UDP port 69), or HTTP for UEFI HTTP boot',
      'the DHCP answer names a boot program that this architecture cannot use',
      'in proxy mode: the firmware took boot file or server from the other DHCP server, or wants port 4011',
    ],
    tries: [
      'fetch it yourself from a machine on that network: curl -o /dev/null tftp://HOST0/undionly.kpxe; if that fails, open UDP 69 and the ports above 1024',
      'switch the firmware between BIOS (legacy) and UEFI boot, and UEFI between PXE and HTTP',
    ],
  },
  {
    id: 'nbp-silent',
    title: 'The boot program was loaded, but iPXE never asks for an address',
    screen:
      'iPXE: `Configuring (net0 ...)......` for up to 16 s, `No more network devices`; or a frozen screen after `NBP file downloaded successfully`.',
    fits: view => stalledAt(view, 'nbp'),
    says: () => 'iPXE was loaded and never asked for an address',
    causes: [
      'iPXE has no driver for this card, or hangs in starting it',
      'Secure Boot refused it',
      'the link went down when iPXE took over the card, and the switch port takes 30 s to forward again (spanning tree)',
      'without IPv6 router advertisements iPXE waits up to 16 s in "Configuring"; that alone only costs time',
    ],
    tries: [
      'look at the screen of the machine; set portfast on the switch port, switch Secure Boot off, try ipxe.efi or undionly.kpxe in place of snponly.efi',
    ],
  },
  {
    id: 'no-script',
    title: 'iPXE has an address, but does not fetch its script',
    screen:
      'iPXE: `http://HOST0/boot.ipxe... Connection timed out`, or `Configuring (net0 ...)` with dots that go on.',
    fits: view => stalledAt(view, 'ipxe-ack') || (view.facts.proxy && stalledAt(view, 'ipxe-offer')),
    says: () => 'iPXE did not fetch its boot script',
    causes: [
      'a firewall on host0 stops HTTP (TCP port 80)',
      'iPXE waits for IPv6 router advertisements, up to 16 s',
      'another DHCP server gave iPXE another script, or a gateway that swallows the traffic',
    ],
    tries: [
      'run curl http://HOST0/boot.ipxe from a machine on that network; open the HTTP port, or set boot.transport: tftp',
    ],
  },
  {
    id: 'no-kernel',
    title: 'iPXE has its script, but does not load the kernel',
    screen:
      'iPXE: `pxen: could not load kernel or initramfs`, `Could not start download: Operation not supported`, `Connection timed out`.',
    fits: view => stalledAt(view, 'script'),
    says: () => 'no kernel was loaded to its end',
    causes: [
      'this iPXE lacks the protocol of the URL (a ROM of an old card without HTTP)',
      'the kernel still comes, over a slow link',
      'the machine stopped at an iPXE shell or was switched off',
    ],
    tries: ['set boot.transport: tftp for iPXE without HTTP; look at the screen of the machine'],
  },
  {
    id: 'no-initramfs',
    title: 'The kernel was loaded, but not the initramfs',
    screen: 'iPXE: `Out of memory`, `pxen: could not load kernel or initramfs`.',
    fits: view => stalledAt(view, 'kernel'),
    says: () => 'the kernel arrived, the initramfs did not',
    causes: ['the machine has too little memory', 'the initramfs still comes, over a slow link'],
    tries: ['give the machine at least 512 MiB; look at the screen for what iPXE says'],
  },
  {
    id: 'init-silent',
    title: 'Kernel and initramfs were loaded, but init never asks for an address',
    screen:
      'Nothing after `initramfs... ok` (the console is elsewhere), `Kernel panic - not syncing`, or `pxen-init: no network card with MAC ..., its driver may be missing`.',
    fits: view => stalledAt(view, 'initramfs'),
    says: () => 'the system that was loaded never spoke',
    causes: [
      'the initramfs has no driver for this network card: the default kernel knows virtual cards only',
      'the machine has too little memory to unpack the initramfs',
      'the kernel does not run on this hardware, and its console is not where you look',
    ],
    tries: [
      'build the image for bare metal with scripts/build-image --kernel generic; set boot.console to the port you look at (tty0, ttyS0,115200) and leave quiet out of boot.arguments',
    ],
  },
  {
    id: 'init-no-address',
    title: 'init asks for an address and gets none',
    screen:
      'init: `pxen-init: no DHCP answer on eth0 (MAC), try 3: is pxend running, and does the switch port forward at once (STP portfast)?`',
    fits: view => stalledAt(view, 'os-discover', 'os-offer'),
    says: () => 'init asked for an address and did not take one',
    causes: [
      'the switch port goes through spanning tree again, because the link was reset by the driver',
      'the driver of the card in the initramfs sends but does not receive',
      'another DHCP server answered first',
    ],
    tries: [
      'set portfast (edge port) on the switch port, and run mesh system doctor to look for other DHCP servers',
    ],
  },
  {
    id: 'no-root',
    title: 'init has an address, but does not fetch the root image',
    screen:
      'init: `pxen-init: root file system http://HOST0/boot/root.squashfs: no answer within 600 s`, `Connection refused`; or `IDENTITY MISMATCH`.',
    fits: view => stalledAt(view, 'os-ack', 'init'),
    says: view =>
      view.step === 'init' ? 'the root image has not arrived' : 'no request for the root image came',
    causes: [
      'a firewall stops HTTP (TCP port 80) between the node and host0',
      'init computes another id than the boot script and refuses the overlay of the other',
      'the root image still comes, over a slow link',
    ],
    tries: [
      'look at the console of the machine; run curl -I http://HOST0/boot/root.squashfs from that network; compare "id according to" in mesh node info ID',
    ],
  },
  {
    id: 'no-overlay',
    title: 'The root image was loaded, but not the overlay',
    screen:
      'init: `pxen-init: root file system ...: not a squashfs image, try 2 of 60`, `FATAL: overlayfs refuses the new root`.',
    fits: view => stalledAt(view, 'root'),
    says: () => 'the root image arrived, the overlay was not asked for',
    causes: [
      'the root image is damaged or is none',
      'the machine has too little memory to keep the root image',
      'the root image was built for another kernel than the one that boots',
    ],
    tries: [
      'run scripts/build-image again, so that kernel, initramfs and root image fit together; give the machine more memory',
    ],
  },
  {
    id: 'no-agent',
    title: 'The overlay was loaded, but no agent reports',
    screen:
      'A login prompt; on the node /var/log/pxen-agent.log says why. Before that init may say `FATAL: the overlay does not unpack`.',
    fits: view => stalledAt(view, 'overlay'),
    says: () => 'the overlay arrived, the agent never reported',
    causes: [
      'the agent does not start: the image has no Node.js, or the overlay overwrites a file that it needs',
      'the agent cannot reach host0: a manifest changed the network, the resolver or the firewall of the node',
      'OpenRC waits for a service that does not come up',
    ],
    tries: [
      'log in on the console, or by ssh as root with the key of host0, and read /var/log/pxen-agent.log and rc-status; compare mesh overlay show NAME with what changed last',
    ],
  },
];

const BOOT_FILES = ['kernel', 'initramfs', 'root'] as const;
const REFUSED: readonly Fault[] = ['missing', 'forbidden', 'unreadable'];

function faultIs({ problem }: View, fault: Fault): boolean {
  return problem?.fault === fault;
}

function problemOf({ problem }: View, steps: readonly string[], faults: readonly Fault[]): boolean {
  return problem?.step !== undefined && steps.includes(problem.step) && isOneOf(problem.fault, faults);
}

function isOneOf(fault: Fault | undefined, faults: readonly Fault[]): boolean {
  return fault !== undefined && faults.includes(fault);
}

function stalledAt(view: View, ...steps: readonly Milestone[]): boolean {
  return view.stalled && view.step !== undefined && steps.includes(view.step);
}

function problemText({ problem }: View): string {
  return (problem?.text ?? '').replace(/[;.\s]+$/, '');
}

function stepName({ problem }: View): string {
  const step = problem?.step;
  return step === undefined || step === 'problem' ? 'a file' : (STEP_NAMES[step] ?? `the ${step}`);
}

const STEP_NAMES: Readonly<Record<string, string>> = { nbp: 'the boot program', root: 'the root image' };

function brokeOff(view: View): string {
  const { bytes, total, file, retransmissions } = view.problem ?? {};
  const size =
    bytes === undefined || total === undefined ? '' : ` after ${formatBytes(bytes)} of ${formatBytes(total)}`;
  const again = retransmissions ? `, ${retransmissions} packets sent again` : '';
  return `${stepName(view)}${file === undefined ? '' : ` ${quote(file)}`} broke off${size}${again}`;
}

function offers({ boot }: View): string {
  const count = boot.events.filter(event => event.stage === 'offer').length;
  return count === 1 ? '1 offer' : `${count} offers`;
}

function endOf(boot: Boot | undefined): string {
  const reached = boot && furthest(boot);
  const last = boot?.events.at(-1);
  if (last?.stage === 'problem') return `a problem (${last.text})`;
  return reached ? MILESTONE_NAMES[reached.step] : 'nothing';
}

/** Times that an EFI boot program was loaded lately without an iPXE that spoke afterwards. */
function efiFetches({ unfinished }: View): number {
  const quiet = unfinished.every(boot => !boot.events.some(event => event.client === 'ipxe'));
  const loads = unfinished.flatMap(boot =>
    boot.events.filter(e => e.stage === 'nbp' && /\.efi$/.test(e.file ?? '')),
  );
  return quiet ? loads.length : 0;
}
