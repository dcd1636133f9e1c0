//! Scenario files: types, loading, errors with file, line and column, JSON Schema.
