/** Names that training and editors leave behind. Files: letter case ignored; folders: exact names; both must match whole. */

const FILES = [
  /\.(tmp|temp|bak|backup|log|cache|lock|swp|swo|pyc|pyo|pyd)$/i,
  /~$/,
  /^#.*#$/s,
  /^\._/,
  /^(\.ds_store|thumbs\.db|desktop\.ini)$/i,
];

const FOLDERS = new Set(['runs', 'wandb', 'logs', '__pycache__', '.git', '.cache', '.ipynb_checkpoints']);

/** Whether a file or link of this name goes; a name that is nothing but an ending (`.log`) counts too. */
export const isGarbageFile = (name: string): boolean => FILES.some((pattern) => pattern.test(name));

export const isGarbageFolder = (name: string): boolean => FOLDERS.has(name) || /^checkpoint-\d+$/.test(name);
