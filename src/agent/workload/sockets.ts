import type { Tree } from '../tree.ts';

/** States of include/net/tcp_states.h, as /proc/net/tcp shows them. */
const ESTABLISHED = '01';
const LISTEN = '0A';

/** TCP ports that something on the node listens on, ascending. */
export function listeningPorts(tree: Tree): number[] {
  const ports = tcpSockets(tree).flatMap(({ port, state }) => (state === LISTEN ? [port] : []));
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Whether somebody is connected to this port of the node, or waits there to be let in. */
export function hasTcpClient(tree: Tree, port: number): boolean {
  return tcpSockets(tree).some(socket => socket.port === port && socket.state === ESTABLISHED);
}

/** Whether somebody is connected to the unix socket of this path: the accepted end bears its name. */
export function hasUnixClient(tree: Tree, path: string): boolean {
  return (tree.text('/proc/net/unix') ?? '').split('\n').some(line => {
    const [, state, name] = /^[0-9a-f]+: \S+ \S+ \S+ \S+ (\S+) +\d+ (.*)$/i.exec(line) ?? [];
    // SS_CONNECTED of include/uapi/linux/net.h
    return state === '03' && name === path;
  });
}

/** Own port and state of every TCP socket, IPv4 and IPv6. */
function tcpSockets(tree: Tree): { port: number; state: string }[] {
  return ['tcp', 'tcp6'].flatMap(table =>
    (tree.text(`/proc/net/${table}`) ?? '').split('\n').flatMap(line => {
      const [, port, state] =
        /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /.exec(line) ?? [];
      return port === undefined || state === undefined ? [] : [{ port: Number.parseInt(port, 16), state }];
    }),
  );
}
