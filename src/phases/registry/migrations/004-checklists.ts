/** Runs of the production checklist, what was waived, and who answers for a phase. */
export const version = 4;

export const sql = `
ALTER TABLE phases ADD COLUMN owner TEXT;

CREATE TABLE checklists (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  phase INTEGER NOT NULL REFERENCES phases (number),
  build INTEGER NOT NULL REFERENCES builds (id),
  report TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;

CREATE TABLE waivers (
  phase INTEGER NOT NULL REFERENCES phases (number),
  item TEXT NOT NULL,
  reason TEXT NOT NULL,
  waived_by TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (phase, item)
) STRICT;
`;
