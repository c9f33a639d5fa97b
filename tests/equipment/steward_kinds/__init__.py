"""Small valid objects of every kind, and one accepted and one refused object for each CEL rule.

Lives here: data only. The same tables are judged offline by `steward validate` and by a real API
server, so the two can be compared. Imported by tests; imports steward_api only.
"""
