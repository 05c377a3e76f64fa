/** Phases, their domains and builds, and the log of everything that happened to them. */
export const version = 1;

export const sql = `
CREATE TABLE phases (
  number INTEGER PRIMARY KEY CHECK (number BETWEEN 1 AND 9999),
  status TEXT NOT NULL CHECK (status IN ('planning', 'training', 'merging', 'compressing', 'deployed', 'failed')),
  reason TEXT,
  current INTEGER NOT NULL DEFAULT 0 CHECK (current IN (0, 1)),
  quantization TEXT NOT NULL,
  compression_type TEXT NOT NULL,
  target_size INTEGER,
  quality_threshold REAL,
  speed_priority INTEGER NOT NULL DEFAULT 0,
  base TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_current_phase ON phases (current) WHERE current = 1;

CREATE TABLE domains (
  phase INTEGER NOT NULL REFERENCES phases (number),
  name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'training', 'complete', 'failed')),
  path TEXT NOT NULL,
  quality REAL CHECK (quality BETWEEN 0 AND 1),
  metrics TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (phase, name)
) STRICT;

CREATE TABLE builds (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  phase INTEGER NOT NULL REFERENCES phases (number),
  status TEXT NOT NULL CHECK (status IN ('running', 'good', 'failed')),
  pid INTEGER NOT NULL,
  token TEXT NOT NULL,
  phase_before TEXT NOT NULL,
  quantization TEXT NOT NULL,
  compression_type TEXT NOT NULL,
  files TEXT NOT NULL,
  cleaned INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  output TEXT,
  bytes INTEGER,
  ratio REAL,
  seconds REAL,
  peak_rss_bytes INTEGER,
  quality TEXT,
  report TEXT,
  started_at TEXT NOT NULL,
  finished_at TEXT
) STRICT;
CREATE UNIQUE INDEX one_running_build ON builds (phase) WHERE status = 'running';

CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at TEXT NOT NULL,
  kind TEXT NOT NULL,
  phase INTEGER,
  domain TEXT,
  build INTEGER,
  release TEXT,
  from_status TEXT,
  to_status TEXT,
  detail TEXT
) STRICT;
CREATE INDEX events_of_phase ON events (phase, id);
`;
