-- Whose job it is: what one API key may list and count.
ALTER TABLE jobs ADD COLUMN owner TEXT GENERATED ALWAYS AS (metadata ->> 'owner') STORED;

COMMENT ON COLUMN jobs.owner IS 'The id of the API key that it was asked for with; NULL where nobody was asked for one.';

CREATE INDEX jobs_by_owner ON jobs (owner, created_at DESC, job_id DESC);
