"""The report: one HTML page of finished runs, with nothing outside it. `page` puts it together; no scoring here."""
