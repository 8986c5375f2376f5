"""What so many jobs need: machines, storage, dollars."""
