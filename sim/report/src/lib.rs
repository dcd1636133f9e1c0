//! Terminal table, report.json, junit.xml and trace.csv of a finished run.
