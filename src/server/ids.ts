/** Names of answers and of the server's build. */
import { randomBytes } from 'node:crypto';
import { KERNEL_VERSION } from '../kernel/version.js';

export const newId = (prefix: 'chatcmpl' | 'cmpl' | 'call'): string => `${prefix}-${randomBytes(12).toString('hex')}`;
export const now = (): number => Math.floor(Date.now() / 1000);
export const FINGERPRINT = `build-${KERNEL_VERSION}`;
