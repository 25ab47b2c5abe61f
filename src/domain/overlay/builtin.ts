import type { MachineId } from '../machine/genid.ts';
import type { Mode } from '../manifest/action.ts';
import type { Layer, LayerItem } from './layer.ts';
import { BLANK_MARK } from './mark.ts';

/** What every node of this appliance must know of host0. */
export interface SiteFacts {
  /** Where nodes reach host0's HTTP API: `http://10.77.0.1:8080`. */
  readonly httpBase: string;
  /** host0's address on the node network. */
  readonly address: string;
  /** host0's public SSH key, one line of an authorized_keys file. */
  readonly publicKey: string;
  /** Seconds between two reports of the agent. */
  readonly interval: number;
}

/** The secrets of one machine, in the form in which the node's files have them. */
export interface Credentials {
  /** /etc/ssh/ssh_host_ed25519_key */
  readonly hostKeyPrivate: string;
  /** /etc/ssh/ssh_host_ed25519_key.pub */
  readonly hostKeyPublic: string;
  /** What the agent shows to host0. */
  readonly token: string;
}

/** Keeps the secrets of machines; makes them when a machine is new. */
export interface CredentialStore {
  credentials(id: MachineId): Promise<Credentials>;
}

export interface MachineFacts {
  readonly id: MachineId;
  readonly folder: string;
  readonly credentials: Credentials;
}

export const HOSTNAME_PATH = '/etc/hostname';

/** What every overlay has after the base: how to reach host0, and host0's key. No secret is in it. */
export function siteLayer(site: SiteFacts): Layer {
  const hosts = `127.0.0.1\tlocalhost localhost.localdomain\n::1\tlocalhost localhost.localdomain\n${site.address}\thost0\n`;
  return builtIn('site', [
    file('/etc/hosts', 0o644, hosts),
    { action: 'D', mode: rootMode(0o700), target: '/root/.ssh', origin: ORIGIN },
    file('/root/.ssh/authorized_keys', 0o600, line(site.publicKey)),
    file('/etc/pxen/agent.json', 0o600, agentConfig(site)),
    BLANK_MARK,
  ]);
}

/** What a machine with a folder has on top: its name, its host key, and the agent's own credential. */
export function machineLayer(site: SiteFacts, machine: MachineFacts): Layer {
  const { hostKeyPrivate, hostKeyPublic, token } = machine.credentials;
  return builtIn('identity', [
    ...(isHostName(machine.folder) ? [file(HOSTNAME_PATH, 0o644, line(machine.folder))] : []),
    file('/etc/ssh/ssh_host_ed25519_key', 0o600, line(hostKeyPrivate)),
    file('/etc/ssh/ssh_host_ed25519_key.pub', 0o644, line(hostKeyPublic)),
    file('/etc/pxen/agent.json', 0o600, agentConfig(site, { id: machine.id, token })),
  ]);
}

/** The layer without its line for a path. */
export function without(layer: Layer, path: string): Layer {
  return { ...layer, items: layer.items.filter(item => item.target !== path) };
}

const ORIGIN = { file: 'built-in' };

function builtIn(name: string, items: readonly LayerItem[]): Layer {
  return { name, items, packages: [], shared: false };
}

function rootMode(permissions: number): Mode {
  return { user: 'root', group: 'root', permissions };
}

function file(target: string, permissions: number, text: string): LayerItem {
  return {
    action: 'O',
    mode: rootMode(permissions),
    target,
    origin: ORIGIN,
    content: new TextEncoder().encode(text),
  };
}

/** OpenSSH rejects a private key whose last line does not end. */
function line(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}

function agentConfig(site: SiteFacts, own: { id?: MachineId; token?: string } = {}): string {
  return `${JSON.stringify({ host0: site.httpBase, ...own, interval: site.interval })}\n`;
}

/** RFC 1123 section 2.1, and the 64 bytes that Linux keeps. */
export function isHostName(name: string): boolean {
  const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
  return name.length <= 64 && name.split('.').every(part => label.test(part));
}
