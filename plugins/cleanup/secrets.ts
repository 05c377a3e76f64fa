/** Tokens and keys in configurations: known forms, and fields whose names say that their value is secret. */
import { isObject } from './json-text.js';

const CONFIGURATION = /\.(json|ya?ml|toml|ini|cfg|conf|env|properties|pem|key)$|^\.(env(\..+)?|netrc|npmrc|git-credentials)$|^id_(rsa|ed25519|ecdsa|dsa)$/i;
/** Large lists of tokens, in which any text may occur. */
const VOCABULARY = /^(tokenizer|vocab|added_tokens|.*\.index)\.json$/i;

export const mayHoldSecrets = (name: string): boolean => CONFIGURATION.test(name) && !VOCABULARY.test(name);

/** Forms that nothing but a secret has; each is replaced by what its second part says. */
const FORMS: readonly (readonly [what: string, form: RegExp, left: string])[] = [
  ['a token of Hugging Face', /\bhf_[A-Za-z0-9]{30,}\b/g, ''],
  ['an API key', /\bsk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}/g, ''],
  ['a token of GitHub', /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,})\b/g, ''],
  ['a token of GitLab', /\bglpat-[A-Za-z0-9_-]{20,}/g, ''],
  ['a key of AWS', /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, ''],
  ['a key of Google', /\bAIza[0-9A-Za-z_-]{35}/g, ''],
  ['a token of Slack', /\bxox[abprs]-[A-Za-z0-9-]{10,}/g, ''],
  ['a token of npm', /\bnpm_[A-Za-z0-9]{36}\b/g, ''],
  ['a JSON web token', /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/g, ''],
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, ''],
  ['a password in an address', /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/:@"']{1,200}:[^\s/@"']{1,200}@/gi, '$1'],
];

/** Names of fields that hold a secret; `eos_token` and its like do not end so. */
const FIELD = /(?:^|[_.-])(?:api_?key|secret|secret_?key|access_?key|private_?key|access_?token|auth_?token|hf_?token|hub_?token|hugging_?face_(?:hub_)?token|bearer_?token|refresh_?token|password|passwd|pass_?phrase|authorization|credentials?)$/i;
const snake = (key: string): string => key.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('-', '_');
/** Whether a value may be a secret: not empty, in one piece, and no stand-in for one. */
const isValue = (value: string): boolean => value.length >= 8 && !/\s/.test(value.replace(/^(?:bearer|basic|token)\s+/i, '')) && !/^(?:<.*>|\$\{.*\}|\$[A-Z_]+|x+|\*+|your.*|none|null|true|false|redacted|changeme)$/i.test(value);

export interface Secrets {
  /** What was found, for people; never the secret itself. */
  readonly found: readonly string[];
  readonly stripped: string;
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

/** Fields of a JSON value, at any depth, that hold a secret. */
function secretFields(value: unknown): [key: string, text: string][] {
  const open = [value];
  const fields: [string, string][] = [];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (Array.isArray(next)) open.push(...(next as unknown[]).filter((item) => typeof item === 'object' && item !== null));
    else if (isObject(next)) {
      for (const [key, inner] of Object.entries(next)) {
        if (typeof inner === 'string' && FIELD.test(snake(key)) && isValue(inner)) fields.push([key, inner]);
        else if (typeof inner === 'object' && inner !== null) open.push(inner);
      }
    }
  }
  return fields;
}

function stripJson(text: string): Secrets {
  let [stripped, found]: [string, string[]] = [text, []];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { found, stripped };
  }
  for (const [key, secret] of secretFields(value)) {
    const field = new RegExp(`("${escaped(JSON.stringify(key).slice(1, -1))}"\\s*:\\s*)${escaped(JSON.stringify(secret))}`, 'g');
    const next = stripped.replace(field, '$1""');
    if (next !== stripped) found = [...found, `a secret in ${key}`];
    stripped = next;
  }
  return { found, stripped };
}

/** Lines as `key = value` and `key: value` have them. */
function stripLines(text: string): Secrets {
  const found: string[] = [];
  const stripped = text.replace(/^([ \t]*(?:export[ \t]+)?["']?([\w.-]+)["']?[ \t]*[:=][ \t]*)(["']?)([^\s"'#]+)\3/gm, (line: string, lead: string, key: string, quote: string, value: string) => {
    if (!FIELD.test(snake(key)) || !isValue(value)) return line;
    found.push(`a secret in ${key}`);
    return `${lead}${quote}${quote}`;
  });
  return { found, stripped };
}

/** Secrets in the text of a configuration, and the text without them. */
export function findSecrets(name: string, text: string): Secrets {
  const found: string[] = [];
  let stripped = text;
  for (const [what, form, left] of FORMS) {
    const next = stripped.replace(form, left);
    if (next !== stripped) found.push(what);
    stripped = next;
  }
  const fields = (/\.json$/i.test(name) ? stripJson : stripLines)(stripped);
  return { found: [...found, ...fields.found], stripped: fields.stripped };
}
