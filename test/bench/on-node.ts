/**
 * Runs on a node, by its own Node.js: starts the command line that is given as JSON, and prints how many milliseconds
 * passed from the spawn to the first byte on the serial port `port`.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';

const [argv = '[]', port = ''] = process.argv.slice(2);
const [program = '', ...words]: string[] = JSON.parse(argv);

const from = performance.now();
const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
child.once('exit', code => process.exit(code ?? 0));
listen();

function listen(): void {
  const socket = connect(Number(port), '127.0.0.1');
  socket.on('error', () => setTimeout(listen, 10));
  socket.once('data', () => {
    console.log((performance.now() - from).toFixed(1));
    socket.destroy();
    child.kill('SIGKILL');
  });
}
