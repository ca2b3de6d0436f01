enum WalkRecordPlaceholder {}
