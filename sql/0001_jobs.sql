-- One row a job, folded from the log: what the gateway answers from.  It can be emptied at any time; a
-- projector fills it again (see docs/events.md).
CREATE TABLE jobs (
    job_id           UUID PRIMARY KEY,
    kaggle_url       TEXT NOT NULL,
    competition_name TEXT NOT NULL,
    status           TEXT NOT NULL,
    created_at       TIMESTAMPTZ NOT NULL,
    started_at       TIMESTAMPTZ,
    completed_at     TIMESTAMPTZ,
    attempt          INT NOT NULL,
    submission_path  TEXT,
    error_message    TEXT,
    metadata         JSONB NOT NULL,
    sequence         BIGINT NOT NULL
);

COMMENT ON COLUMN jobs.attempt IS 'The number of the latest attempt; 0 before the first.';
COMMENT ON COLUMN jobs.submission_path IS 'Where the object store holds the successful attempt''s submission.csv.';
COMMENT ON COLUMN jobs.error_message IS 'Why the job failed, or why its latest attempt did.';
COMMENT ON COLUMN jobs.metadata IS 'The whole job: events.job.Job as JSON.';
COMMENT ON COLUMN jobs.sequence IS 'The last event of the job that is folded in.';

CREATE INDEX jobs_by_status ON jobs (status);
CREATE INDEX jobs_by_age ON jobs (created_at);
CREATE INDEX jobs_by_status_and_age ON jobs (status, created_at DESC);
