-- Which log the rows were folded from: sequences of another one mean other events.
ALTER TABLE projection_checkpoint ADD COLUMN log TEXT;
