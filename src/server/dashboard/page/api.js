/** Asks the server, with the key where there is one. Addresses are relative: the server may lie below a prefix. */
import { byId } from './dom.js';
import { askForKey, storedKey } from './key.js';

export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * The response, once a key is right where one is asked for. Throws ApiError where the server refuses.
 * @param {string} path
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
export async function ask(path, init = {}) {
  const key = storedKey();
  const response = await fetch(path, { ...init, headers: { ...init.headers, ...(key === null ? {} : { authorization: `Bearer ${key}` }) } });
  if (response.ok) return response;
  if (response.status === 401) {
    byId('change-key').hidden = false;
    // Another request may have got a new key meanwhile.
    if (storedKey() !== key || await askForKey(key === null ? '' : 'The server does not know this key.')) return ask(path, init);
  }
  throw new ApiError(response.status, await reasonOf(response));
}

/** @param {Response} response */
async function reasonOf(response) {
  try {
    const { error } = /** @type {{ error: { message: string } }} */ (await response.json());
    return error.message;
  } catch {
    return `the server answered ${response.status}`;
  }
}

/**
 * @template T
 * @param {string} path
 * @returns {Promise<T>}
 */
export const getJson = async (path) => (await ask(path)).json();
