-- How far each projection has come: every event up to `sequence` is in its rows, and none past it.
-- Setting it to 0 makes the projector fold the whole log again.
CREATE TABLE projection_checkpoint (
    name     TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL
);
