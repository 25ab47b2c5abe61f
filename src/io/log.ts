import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Log, LogFields } from '../base/ports.ts';

/** The log of a daemon on standard error: readable lines, or one JSON object an event. Colours only on a terminal. */
export function openLog(options: { level: string; format: 'text' | 'json' }): Log {
  const target = options.format === 'json' ? pino.destination({ dest: 2, sync: true }) : readable();
  const logger = pino({ level: options.level, base: null }, target);
  const shown = options.format === 'json' ? (message: string) => message : oneLine;
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (subsystem: string, message: string, fields: LogFields = {}): void => {
      if (logger.isLevelEnabled(level)) logger[level]({ subsystem, ...fields }, shown(message));
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

/** An event is one line, whatever its message repeats of what a machine sent. */
function oneLine(message: string): string {
  return message.replace(/\p{Cc}/gu, c => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function readable(): ReturnType<typeof pretty> {
  return pretty({
    destination: 2,
    sync: true,
    colorize: process.stderr.isTTY === true,
    singleLine: true,
    translateTime: 'SYS:yyyy-mm-dd HH:MM:ss.l',
    messageFormat: '{subsystem}: {msg}',
    ignore: 'subsystem',
  });
}
