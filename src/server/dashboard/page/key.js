/** The key: asked for in a dialog, kept for this tab. */
import { byId } from './dom.js';

const NAME = 'tara-key';

export const storedKey = () => sessionStorage.getItem(NAME);

/** @type {Promise<boolean> | undefined} */
let asking;
/** Who closed the dialog is not asked again by itself. */
let declined = false;

/**
 * Resolves with true once there is another key, with false when the person would rather not. Asked several times at
 * once, the dialog opens once.
 * @param {string} [problem] what was wrong with the last one
 */
export function askForKey(problem = '') {
  if (declined) return Promise.resolve(false);
  return (asking ??= ask(problem).finally(() => { asking = undefined; }));
}

/** Opens the dialog because the person wants it. */
export function changeKey() {
  declined = false;
  return askForKey();
}

/** @param {string} problem @returns {Promise<boolean>} */
function ask(problem) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('key-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('key'));
  byId('key-problem').textContent = problem;
  input.value = '';
  dialog.returnValue = '';
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    let given = false;
    byId('key-cancel').onclick = () => dialog.close();
    byId('key-form').onsubmit = () => {
      sessionStorage.setItem(NAME, input.value.trim());
      given = true;
    };
    dialog.onclose = () => {
      declined = !given;
      resolve(given);
    };
  });
}
