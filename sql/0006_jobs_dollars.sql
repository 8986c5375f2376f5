-- What calls to a language model cost in all attempts: to add up a column of numbers, and not every job's JSON.
ALTER TABLE jobs ADD COLUMN dollars DOUBLE PRECISION NOT NULL DEFAULT 0;

UPDATE jobs SET dollars = (
    SELECT coalesce(sum((held ->> 'dollars')::float8), 0) FROM jsonb_array_elements(metadata -> 'attempts') AS held
);

COMMENT ON COLUMN jobs.dollars IS 'What calls to a language model have cost in all attempts.';

CREATE INDEX jobs_by_dollars ON jobs (dollars) WHERE dollars > 0;
