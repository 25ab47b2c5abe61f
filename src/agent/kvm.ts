import type { Kvm } from '../domain/node/facts.ts';
import { type Execution, failureOf } from '../io/exec.ts';

/** Milliseconds; SeaBIOS reaches its first boot sector in 0.1 s, in a machine that is itself emulated and busy in some ten seconds. */
export const PROBE_TIMEOUT = 60_000;
/** What the guest writes to isa-debug-exit; QEMU then ends with twice that plus one. */
const SIGN = 0x10;

/**
 * A boot sector that says `mov al, SIGN; out 0xf4, al` and would then halt for ever. It is reached through the whole
 * BIOS on purpose: there are hosts whose KVM runs the first instructions of a guest and then hangs.
 */
export function probeSector(): Uint8Array {
  const sector = new Uint8Array(512);
  sector.set([0xb0, SIGN, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd]);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

/** QEMU's arguments to run the sector in `image` with KVM. */
export function probeArguments(image: string): string[] {
  return [
    ...['-accel', 'kvm', '-machine', 'pc', '-cpu', 'host', '-m', '16'],
    ...['-nodefaults', '-display', 'none', '-vga', 'none', '-no-reboot'],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
    ...['-drive', `file=${image.replaceAll(',', ',,')},format=raw,if=floppy,readonly=on`, '-boot', 'a'],
  ];
}

/** Usable when the guest left its sign; otherwise what QEMU said, or that the guest hung. */
export function judgeProbe(run: Execution): Kvm {
  if (run.exitCode === SIGN * 2 + 1 && !run.timedOut) return { state: 'usable' };
  const reason = run.timedOut
    ? `a guest started with KVM did not finish in ${PROBE_TIMEOUT / 1000} s`
    : `QEMU with KVM ${failureOf(run) ?? 'ended, but its guest never ran'}`;
  return { state: 'unusable', reason: reason.replaceAll(/\s+/g, ' ').slice(0, 250) };
}

/** `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)` is 7.2.22. */
export function parseQemuVersion(stdout: string): string | undefined {
  return /version (\S+)/.exec(stdout)?.[1];
}
