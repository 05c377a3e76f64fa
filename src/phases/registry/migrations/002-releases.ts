/** Deployed releases, and each domain's unseen lines. */
export const version = 2;

export const sql = `
ALTER TABLE domains ADD COLUMN text TEXT;

CREATE TABLE releases (
  id TEXT PRIMARY KEY,
  phase INTEGER NOT NULL REFERENCES phases (number),
  build INTEGER NOT NULL REFERENCES builds (id),
  target TEXT NOT NULL,
  layout TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('current', 'previous', 'retired')),
  info TEXT,
  created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_current_release ON releases (phase, target) WHERE status = 'current';
`;
