/** How a phase's domains become files, the files of each build, and each domain's calibration text. */
export const version = 3;

export const sql = `
ALTER TABLE phases ADD COLUMN layout TEXT NOT NULL DEFAULT 'merged';
ALTER TABLE phases ADD COLUMN merge TEXT NOT NULL DEFAULT 'linear';
ALTER TABLE domains ADD COLUMN calibration TEXT;
ALTER TABLE builds ADD COLUMN layout TEXT NOT NULL DEFAULT 'merged';
ALTER TABLE builds ADD COLUMN outputs TEXT;
`;
