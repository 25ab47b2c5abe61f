/** States of include/net/tcp_states.h, as /proc/net/tcp shows them. */
export const ESTABLISHED = '01';
export const LISTEN = '0A';

export interface TcpSocket {
  /** Its own port. */
  readonly port: number;
  /** Two hex digits. */
  readonly state: string;
}

/** The sockets in the text of /proc/net/tcp or /proc/net/tcp6; other lines count for nothing. */
export function tcpSockets(table: string): TcpSocket[] {
  return table.split('\n').flatMap(line => {
    const [, port, state] =
      /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line) ?? [];
    return port === undefined || state === undefined ? [] : [{ port: Number.parseInt(port, 16), state }];
  });
}

/** The ports that something listens on, ascending. */
export function listening(sockets: readonly TcpSocket[]): number[] {
  const ports = sockets.flatMap(({ port, state }) => (state === LISTEN ? [port] : []));
  return [...new Set(ports)].sort((a, b) => a - b);
}
