export { type Present, startingStatus, statusOf } from '../../domain/vm/status.ts';
