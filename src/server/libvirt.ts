import type { HostShell } from '../domain/node/shell.ts';
import { parseLibvirtUri } from '../domain/placement/host.ts';
import { LocalShell } from '../io/local-shell.ts';
import { sha1 } from '../io/sha1.ts';
import type { SshAdvice } from '../io/ssh/connect.ts';
import { SshShell } from '../io/ssh/shell.ts';
import { LibvirtHosts, type LibvirtPorts } from '../service/libvirt/hosts.ts';
import type { Foundation } from './foundation.ts';

/** The hosts that libvirt controls. */
export function openLibvirt(base: Foundation, table: Pick<LibvirtPorts, 'records' | 'heard'>): LibvirtHosts {
  return new LibvirtHosts({ ...base.common, ...table, sha1, shell: uri => shellOf(uri, base) });
}

/** `virsh` runs on the host itself: what else is needed there, its console and its logs, goes the same way. */
function shellOf(uri: string, { keys, places }: Foundation): HostShell & { close(): void } {
  const { ssh } = parseLibvirtUri(uri) ?? {};
  if (!ssh) return new LocalShell();
  return new SshShell({
    address: ssh.host,
    port: ssh.port ?? 22,
    user: ssh.user ?? 'root',
    knownHosts: places.knownHosts,
    privateKey: async () => (await keys.libvirt()).privateKey,
    advice: adviceFor(keys.libvirtPublicKey, places.knownHosts),
  });
}

function adviceFor(publicKey: string, knownHosts: string): SshAdvice {
  return {
    unauthorized: `put the key of ${publicKey} into ~/.ssh/authorized_keys there, of the user whom the URI names`,
    mismatch: `somebody may be in between; when the host has a new key for sure, replace its line in ${knownHosts}`,
    refused: 'the host is up but its sshd does not listen on this port',
    unreachable: address => `is the host on? try: ping ${address}`,
  };
}
