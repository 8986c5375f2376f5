-- What lists and statistics ask for.  The tags are a column of their own, and not an index on an expression over
-- the metadata: every event changes the metadata, and would then have to be written into every index.
ALTER TABLE jobs ADD COLUMN tags JSONB GENERATED ALWAYS AS (metadata -> 'tags') STORED;

COMMENT ON COLUMN jobs.tags IS 'The words that the job was given at its request, as a JSON array.';

CREATE INDEX jobs_in_order ON jobs (created_at DESC, job_id DESC);
CREATE INDEX jobs_by_competition ON jobs (competition_name, created_at DESC, job_id DESC);
CREATE INDEX jobs_by_tag ON jobs USING gin (tags);
CREATE INDEX jobs_by_end ON jobs (completed_at);
