import { normalHostKey } from './host-key.ts';

/**
 * The Ed25519 key of a host in a known_hosts file (sshd(8)): `host[,host...] ssh-ed25519 AAAA...`, where the host is
 * `[name]:port` unless the port is 22. Hashed names, patterns and keys with a marker in front count for nothing.
 */
export function knownHostKey(text: string, host: string, port: number): string | undefined {
  const wanted = port === 22 ? host : `[${host}]:${port}`;
  for (const line of text.split('\n')) {
    const [names = '', ...key] = line.trim().split(/\s+/);
    if (names.startsWith('#') || !names.toLowerCase().split(',').includes(wanted.toLowerCase())) continue;
    const normal = normalHostKey(key.join(' '));
    if (normal !== undefined) return normal;
  }
  return undefined;
}
